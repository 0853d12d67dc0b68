import JSON

/// The appliances that take up a change.
struct Followers: JSONWritable, Sendable {
    /// How many are named; the others are counted.
    static let shownMax = 50

    let count: Int64
    let items: [(uid: String, name: String)]

    static let none = Followers(count: 0, items: [])
    static let example = Followers(count: 1, items: [("device-153", "Shop 153")])

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("count", count)
            writer.key("items")
            writer.array(items) { writer, item in
                writer.object { writer in
                    writer.field("href", "/v1/edgehosts/\(item.uid)")
                    writer.field("name", item.name)
                    writer.field("uid", item.uid)
                }
            }
        }
    }
}
