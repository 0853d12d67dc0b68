import APIKit
import HTTPCore
import JSON
import Primitives
import Storage

extension Appliances {
    var listEvents: Endpoint {
        Endpoint(
            .get,
            "/v1/edgehosts/{uid}/events",
            id: "listApplianceEvents",
            tag: "Appliances",
            summary: "Lists what happened to an appliance, the newest first.",
            document: .agent,
            access: .user(.applianceGet),
            failures: [.invalidRequest, .resourceNotFound],
            query: QueryParameter.paging,
            output: EventListAnswer.self
        ) { _, context in
            let uid = try context.parameter("uid")
            let call = ApplianceCall(context)
            let page = try context.page()
            return try database.read { tx in
                let appliance = try call.fetch(uid, tx)
                let events = try ApplianceEventStore.list(
                    of: appliance.key,
                    after: page.after,
                    offset: page.offset,
                    limit: page.limit ?? ApplianceEvent.keptMax,
                    tx
                )
                return EventListAnswer(
                    events: events,
                    listMeta: context.listMeta(
                        page,
                        shown: events.count,
                        total: try ApplianceEventStore.count(of: appliance.key, tx),
                        last: events.last?.uid
                    )
                )
            }
        }
    }
}

/// Events of one appliance.
struct EventListAnswer: WireOutput {
    let events: [RecordedEvent]
    let listMeta: ListMeta

    static var examples: [EventListAnswer] {
        let event = RecordedEvent(
            uid: "65f1c0a4d2b7e81f3c9a4b6d",
            at: .init(milliseconds: 1_772_366_400_000),
            event: .registered(by: "admin@example.com")
        )
        return [EventListAnswer(events: [event], listMeta: .example)]
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("items")
            writer.array(events) { writer, recorded in
                writer.object { writer in
                    writer.field("uid", recorded.uid)
                    writer.field("timestamp", recorded.at)
                    writer.field("severity", recorded.event.severity.rawValue)
                    writer.field("reason", recorded.event.reason)
                    writer.field("message", recorded.event.message)
                }
            }
            writer.key("listmeta")
            listMeta.write(to: &writer)
        }
    }
}
