/// Where the program gets civil time from, so that a test can set it.
package struct Clock: Sendable {
    /// The time now.
    package var now: @Sendable () -> Timestamp

    /// A clock that asks this function.
    package init(now: @escaping @Sendable () -> Timestamp) {
        self.now = now
    }

    /// The system's clock.
    package static let system = Clock(now: Timestamp.now)

    /// A clock that stands still.
    package static func fixed(_ moment: Timestamp) -> Clock {
        Clock(now: { moment })
    }
}
