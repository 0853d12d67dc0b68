import APIKit
import JSON
import Packs
import Primitives

extension FollowedTrain {
    fileprivate static func example(isHeld: Bool) -> FollowedTrain {
        FollowedTrain(
            layer: "log-shipper",
            registryUID: "65f1c0a4d2b7e81f3c9a4b60",
            packName: "fluentbit",
            train: VersionTrain(major: 4, minor: nil),
            version: "4.2.1",
            hold: isHeld
                ? TrainStore.Hold(
                    at: Timestamp(milliseconds: 1_709_238_702_204),
                    by: "ada@example.com"
                ) : nil
        )
    }

    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.optionalField("heldAt", hold?.at)
        writer.optionalField("heldBy", hold?.by)
        writer.field("isHeld", hold != nil)
        writer.field("layer", layer)
        writer.field("packName", packName)
        writer.field("registryUid", registryUID)
        writer.field("train", train.description)
        writer.field("version", version)
    }
}

/// The trains of a profile.
struct TrainListOutput: WireOutput {
    /// The trains with the newest version of each; empty when the registry has none any more.
    let items: [(train: FollowedTrain, newest: String)]

    static var examples: [TrainListOutput] {
        [
            TrainListOutput(items: [
                (.example(isHeld: true), "4.2.3"), (.example(isHeld: false), "4.2.3"),
            ])
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("items")
            writer.array(items) { writer, item in
                writer.object { writer in
                    item.train.writeMembers(to: &writer)
                    writer.field("newest", item.newest)
                }
            }
        }
    }
}

/// Who would get a version.
struct TrainPreviewOutput: WireOutput {
    /// One profile with the layers that would be linked anew.
    struct Item: Sendable {
        let name: RevisionStore.Name
        let layers: [(train: FollowedTrain, next: String)]
        let appliances: Followers
    }

    let items: [Item]

    static var examples: [TrainPreviewOutput] {
        [
            TrainPreviewOutput(items: [
                Item(
                    name: .init(uid: "65f1c0a4d2b7e81f3c9a4b6d", name: "site", version: "1.0.0"),
                    layers: [(.example(isHeld: false), "4.2.3")],
                    appliances: .example
                )
            ])
        ]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("items")
            writer.array(items) { writer, item in
                writer.object { writer in
                    writer.field("appliances", item.appliances)
                    writer.key("layers")
                    writer.array(item.layers) { writer, layer in
                        writer.object { writer in
                            layer.train.writeMembers(to: &writer)
                            writer.field("next", layer.next)
                        }
                    }
                    writer.field("name", item.name.name)
                    writer.field("uid", item.name.uid)
                    writer.field("version", item.name.version)
                }
            }
        }
    }
}
