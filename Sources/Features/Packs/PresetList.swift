import APIKit

/// `presets.yaml` as it is written (BEHAVIOUR 4.3).
struct PresetList: WireInput {
    let presets: [Preset]

    init(from fields: Fields) {
        let entries: [Entry] = fields.list("presets", countMax: PackLimits.presetCountMax)
        presets = entries.map(\.preset)
    }

    private struct Entry: WireInput {
        let preset: Preset

        init(from fields: Fields) {
            let name = fields.text("name", bytesMax: PackLimits.nameBytesMax)
            preset = Preset(
                name: name,
                displayName: fields.optionalText("displayName", bytesMax: PackLimits.textBytesMax)
                    ?? name,
                group: fields.text("group", bytesMax: PackLimits.nameBytesMax),
                remove: fields.texts(
                    "remove",
                    countMax: PackLimits.presetRemovalCountMax,
                    bytesMax: PackLimits.textBytesMax
                ),
                add: fields.optionalText("add", bytesMax: PackLimits.presetsBytesMax) ?? ""
            )
        }
    }
}
