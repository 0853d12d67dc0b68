import CSystem
import Glibc
import Primitives
import Synchronization

/// One thread with one epoll set: sockets, timers and tasks that share no lock with other loops.
///
/// Everything not said to be callable from any thread belongs to the loop's own thread. One turn:
/// wait, sockets, timers, queued jobs until there are none, the hooks of `beforeWait`.
package final class Loop: @unchecked Sendable {
    /// Starts tasks on this loop.
    package var executor: LoopExecutor { storedExecutor }
    /// Numbers for the metrics page; readable from any thread.
    package let metrics = LoopMetrics()
    /// The name of the thread.
    package let name: String
    /// The time of this turn, read once after waiting.
    package private(set) var now = MonotonicTime.now()

    // Unchecked: a body from another thread is `@Sendable`, the others never leave the loop.
    private enum Work: @unchecked Sendable {
        case job(UnownedJob)
        case body(() -> Void)
    }

    /// What other threads leave for the loop.
    private struct Mailbox {
        var work: [Work] = []
        /// Whether the loop waits in the kernel and nobody has woken it yet.
        ///
        /// One write per burst: the first sender clears it, and a loop that is awake looks here
        /// before it sleeps.
        var isAsleep = false
        var isStopping = false
    }

    private struct Watch {
        var handler: (any ReadinessHandler)?
        var generation: UInt32 = 0
    }

    private let epoll: Descriptor
    private let wake: Descriptor
    private let mailbox = Mutex(Mailbox())
    private let thread = Mutex<pthread_t?>(nil)
    private var timers = TimerHeap()
    private var watches: [Watch] = []
    private var queued: [Work] = []
    private var running: [Work] = []
    private var hooksBeforeWait: [() -> Void] = []
    private var attachments: [ObjectIdentifier: AnyObject] = [:]
    private lazy var storedExecutor = LoopExecutor(self)

    /// Jobs that queue further jobs get this many rounds before sockets have their turn again.
    private static let roundsPerTurnMax = 32
    private static let eventsPerWaitMax = 256

    /// Makes a loop that does not run yet.
    ///
    /// - Throws: `SystemError` when the process has no descriptor left.
    package init(name: String = "loop") throws {
        self.name = name
        let epollNumber = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard epollNumber >= 0 else { throw SystemError("epoll_create1") }
        epoll = Descriptor(owning: epollNumber)
        let wakeNumber = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wakeNumber >= 0 else { throw SystemError("eventfd") }
        wake = Descriptor(owning: wakeNumber)
        // Edge-triggered: every write reports anew, so the counter is never read back.
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLET.rawValue
        event.data.u64 = UInt64.max
        guard epoll_ctl(epollNumber, EPOLL_CTL_ADD, wakeNumber, &event) == 0 else {
            throw SystemError("epoll_ctl")
        }
        _ = storedExecutor
    }

    /// The loop whose thread this is; nil on other threads.
    package static var current: Loop? {
        guard let pointer = easel_current_loop() else { return nil }
        return Unmanaged<Loop>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Whether the caller is on the loop's thread.
    package var isCurrent: Bool {
        easel_current_loop() == UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    // MARK: Work from any thread

    /// Runs the body on the loop: soon, after what was queued before it.
    ///
    /// From any thread.
    package func submit(_ body: @escaping @Sendable () -> Void) {
        if isCurrent {
            queued.append(.body(body))
        } else {
            send(.body(body))
        }
    }

    func enqueue(_ job: UnownedJob) {
        if isCurrent {
            queued.append(.job(job))
        } else {
            send(.job(job))
        }
    }

    private func send(_ work: Work) {
        let mustWake = mailbox.withLock { mailbox in
            mailbox.work.append(work)
            defer { mailbox.isAsleep = false }
            return mailbox.isAsleep
        }
        if mustWake { wakeUp() }
    }

    private func wakeUp() {
        var one: UInt64 = 1
        // Fails only when the counter is full, and then the loop is woken anyway.
        while write(wake.number, &one, 8) < 0 && errno == EINTR {}
    }

    // MARK: Sockets

    /// Reports what happens on a descriptor to the handler, until `unwatch`.
    ///
    /// Keeps the handler.
    ///
    /// - Throws: `SystemError` when the kernel has no memory for one more.
    package func watch(
        _ descriptor: Int32,
        _ mode: WatchMode,
        _ handler: any ReadinessHandler
    ) throws(SystemError) {
        let index = Int(descriptor)
        while watches.count <= index { watches.append(Watch()) }
        precondition(watches[index].handler == nil, "A descriptor has one handler.")
        var event = epoll_event()
        event.events = mode.events
        event.data.u64 = UInt64(watches[index].generation) << 32 | UInt64(UInt32(descriptor))
        guard epoll_ctl(epoll.number, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw SystemError("epoll_ctl")
        }
        watches[index].handler = handler
    }

    /// Ends the reports.
    ///
    /// Call it before closing the descriptor.
    ///
    /// - Parameter isClosing: whether the descriptor is closed next and nobody holds a copy of it:
    ///   then the kernel forgets it by itself.
    package func unwatch(_ descriptor: Int32, isClosing: Bool = false) {
        let index = Int(descriptor)
        guard index < watches.count, watches[index].handler != nil else { return }
        watches[index].handler = nil
        // Events already fetched for this number, which may be given out again in this very turn,
        // must not reach the next owner.
        watches[index].generation &+= 1
        if isClosing { return }
        var event = epoll_event()
        _ = epoll_ctl(epoll.number, EPOLL_CTL_DEL, descriptor, &event)
    }

    // MARK: Timers

    /// Runs the body once on the loop when the time has passed.
    package func schedule(
        after delay: Duration,
        _ body: @escaping () -> Void
    ) -> TimerHandle {
        schedule(at: MonotonicTime.now().adding(nanoseconds: delay.wholeNanoseconds), body)
    }

    /// Runs the body once on the loop at this moment, or soon when it has passed.
    package func schedule(
        at deadline: MonotonicTime,
        _ body: @escaping () -> Void
    ) -> TimerHandle {
        timers.insert(deadline, body)
    }

    /// Takes a timer away; one that has fired is no error.
    package func cancel(_ timer: TimerHandle) {
        timers.remove(timer)
    }

    // MARK: Hooks

    /// Runs the body on the loop's thread: before anything else if the loop has not started yet.
    ///
    /// From any thread.
    package func onStart(_ body: @escaping @Sendable (Loop) -> Void) {
        submit { [unowned self] in body(self) }
    }

    /// Runs the body each time the loop has nothing left to do and is about to wait.
    ///
    /// It may queue nothing.
    package func beforeWait(_ body: @escaping () -> Void) {
        hooksBeforeWait.append(body)
    }

    /// Keeps one object of each type for those who need state per loop, such as a connection to
    /// the database.
    package subscript<Attachment: AnyObject>(type: Attachment.Type) -> Attachment? {
        get { attachments[ObjectIdentifier(type)].flatMap { $0 as? Attachment } }
        set { attachments[ObjectIdentifier(type)] = newValue }
    }

    // MARK: Life

    /// Starts the loop's thread.
    ///
    /// Once only.
    package func start() throws {
        try thread.withLock { thread in
            precondition(thread == nil, "A loop starts once.")
            let me = Unmanaged.passRetained(self)
            var started = pthread_t()
            let code = pthread_create(&started, nil, runLoopThread, me.toOpaque())
            guard code == 0 else {
                me.release()
                throw SystemError("pthread_create", code: code)
            }
            thread = started
        }
    }

    /// Asks the loop to end after its present turn.
    ///
    /// From any thread.
    package func stop() {
        let mustWake = mailbox.withLock { mailbox in
            mailbox.isStopping = true
            defer { mailbox.isAsleep = false }
            return mailbox.isAsleep
        }
        if mustWake { wakeUp() }
    }

    /// Waits for the thread to end after `stop`; not from the loop itself.
    package func join() {
        precondition(!isCurrent, "A loop cannot wait for itself.")
        let started = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        if let started { pthread_join(started, nil) }
    }

    fileprivate func run() {
        easel_set_current_loop(Unmanaged.passUnretained(self).toOpaque())
        easel_name_thread(String(name.prefix(15)))
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventsPerWaitMax) {
            events in
            now = MonotonicTime.now()
            while turn(events) {}
        }
        // What hooks and handlers hold often holds the loop: let go of it here.
        hooksBeforeWait.removeAll()
        attachments.removeAll()
        watches.removeAll()
        timers = TimerHeap()
        easel_set_current_loop(nil)
    }

    private func turn(_ events: UnsafeMutableBufferPointer<epoll_event>) -> Bool {
        runQueued()
        for hook in hooksBeforeWait { hook() }
        let finished = MonotonicTime.now()
        metrics.recordTurn(nanoseconds: finished.nanoseconds(since: now))
        guard let timeout = prepareToWait(finished) else { return false }
        var count = epoll_wait(
            epoll.number,
            events.baseAddress,
            Int32(events.count),
            timeout
        )
        if count < 0 {
            precondition(errno == EINTR, "epoll_wait misused")
            count = 0
        }
        now = MonotonicTime.now()
        metrics.recordWakeUp()
        if timeout != 0 { markAwake() }
        for index in 0..<Int(count) { dispatch(events[index]) }
        while let due = timers.popDue(now) { due.body() }
        return true
    }

    private func dispatch(_ event: epoll_event) {
        let token = event.data.u64
        let index = Int(token & 0xFFFF_FFFF)
        guard index < watches.count else { return }
        let watch = watches[index]
        guard let handler = watch.handler, watch.generation == UInt32(token >> 32) else { return }
        handler.onReady(Readiness(rawValue: event.events))
    }

    /// The time to wait in milliseconds, -1 for ever; nil when the loop is to end.
    private func prepareToWait(_ now: MonotonicTime) -> Int32? {
        var timeout: Int32 = -1
        if !queued.isEmpty {
            timeout = 0
        } else if let deadline = timers.nextDeadline {
            // Rounded up: waking early would mean waking twice.
            let wait = max(0, deadline.nanoseconds(since: now))
            timeout = Int32(clamping: wait / 1_000_000 + (wait % 1_000_000 == 0 ? 0 : 1))
        }
        return mailbox.withLock { mailbox in
            if mailbox.isStopping && mailbox.work.isEmpty && queued.isEmpty { return nil }
            if !mailbox.work.isEmpty { return 0 }
            mailbox.isAsleep = timeout != 0
            return timeout
        }
    }

    private func markAwake() {
        mailbox.withLock { $0.isAsleep = false }
    }

    private func runQueued() {
        mailbox.withLock { mailbox in
            guard !mailbox.work.isEmpty else { return }
            if queued.isEmpty {
                swap(&queued, &mailbox.work)
            } else {
                queued.append(contentsOf: mailbox.work)
                mailbox.work.removeAll(keepingCapacity: true)
            }
        }
        var rounds = 0
        while !queued.isEmpty && rounds < Self.roundsPerTurnMax {
            swap(&queued, &running)
            for work in running {
                switch work {
                case .job(let job): job.runSynchronously(on: storedExecutor.asUnownedTaskExecutor())
                case .body(let body): body()
                }
            }
            running.removeAll(keepingCapacity: true)
            rounds += 1
        }
    }
}

private func runLoopThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    Unmanaged<Loop>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
