import CSystem
import Glibc

/// What the kernel reports about a descriptor (epoll_ctl(2)).
package struct Readiness: OptionSet, Sendable, Hashable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Bytes, or a connection to accept.
    package static let readable = Readiness(rawValue: EPOLLIN.rawValue)
    /// Room for bytes.
    package static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
    /// The peer sends no more; what it sent before may still be unread.
    package static let peerFinished = Readiness(rawValue: EPOLLRDHUP.rawValue)
    /// Both directions are closed.
    package static let hungUp = Readiness(rawValue: EPOLLHUP.rawValue)
    /// The connection is broken.
    package static let failed = Readiness(rawValue: EPOLLERR.rawValue)

    // Masks and not set literals: across modules a literal is built by generic code, which cost
    // 3 % of a request.

    /// Whether nothing can be sent or received any more.
    package var isBroken: Bool { rawValue & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 }
    /// Whether a read gives bytes or the peer's end.
    package var hasInput: Bool { rawValue & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 }
    /// Whether there is room for bytes.
    package var hasRoom: Bool { rawValue & EPOLLOUT.rawValue != 0 }
    /// Whether the peer's end is among what can be read.
    package var hasPeerFinished: Bool { rawValue & EPOLLRDHUP.rawValue != 0 }
}

/// How a descriptor is watched.
package enum WatchMode: Sendable {
    /// Report each change once. The owner reads or writes until the kernel says wait, and needs
    /// no further system call to pause: connections use this.
    case changes
    /// Report as long as there is something to read: listeners use this, so that a bounded number
    /// of accepts per wake-up loses none. Of several loops that share a socket one is woken.
    case whileReadable

    var events: UInt32 {
        switch self {
        case .changes:
            EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        case .whileReadable:
            EPOLLIN.rawValue | easel_epoll_exclusive
        }
    }
}

/// What a loop calls when a watched descriptor is ready.
package protocol ReadinessHandler: AnyObject {
    /// Called on the loop's thread.
    func onReady(_ readiness: Readiness)
}
