import Macros

extension FuzzCheck {
    /// A text is taken apart without losing a byte, what is resolved to nothing known comes back as
    /// it was, and what is resolved stays within its limit.
    static let template = FuzzCheck("template") { bytes in
        let text = TemplateText(bytes)
        var end = 0
        for part in text.parts {
            let range =
                switch part {
                case .text(let range): range
                case .reference(_, let range): range
                }
            try promise(range.lowerBound == end && !range.isEmpty, "parts follow each other")
            end = range.upperBound
        }
        try promise(end == bytes.count, "parts cover the text")
        try promise(text.faults.count <= 20, "faults have a limit")
        guard String(validating: bytes, as: UTF8.self) != nil else { return }
        var faults: [TemplateFault] = []
        let same = text.rendered(faults: &faults) { _ in .unknown }
        try promise(Array(same.utf8) == bytes && faults.isEmpty, "what is not known stays")
        let value = String(decoding: bytes.prefix(2000), as: UTF8.self)
        let filled = text.rendered(faults: &faults) { _ in .value(value) }
        let most = TemplateText.renderedBytesMax + bytes.count
        try promise(filled.utf8.count <= most, "the text stays within its limit")
        guard text.faults.isEmpty else { return }
        let again = TemplateText(text.neutral)
        try promise(again.references.isEmpty, "what is resolved holds no references")
    }
}
