import APIKit

extension FuzzCheck {
    /// A continue token opens in its own list alone, whatever it holds; no other text opens at all.
    static let continueToken = FuzzCheck("continue-token") { bytes in
        let sealer = CursorSealer(key: [UInt8](repeating: 7, count: 32))
        let text = String(decoding: bytes, as: UTF8.self)
        try promise(sealer.open(text, list: "a") == nil, "a text that was not sealed is refused")
        // A sort key is made of columns that have limits; a token of 4 kB is refused.
        guard bytes.count < 1024 else { return }
        let token = sealer.token(after: text, offset: bytes.count, count: 5, list: "a")
        guard let opened = sealer.open(token, list: "a") else {
            throw BrokenPromise(description: "a token opens in its own list")
        }
        try promise(
            opened.after == text && opened.offset == bytes.count,
            "a token gives back what it was made of"
        )
        try promise(sealer.open(token, list: "b") == nil, "a token opens in no other list")
        let other = CursorSealer(key: [UInt8](repeating: 8, count: 32))
        try promise(other.open(token, list: "a") == nil, "a token opens under no other key")
    }
}
