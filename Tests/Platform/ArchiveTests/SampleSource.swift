/// Random numbers from a seed that a failing test prints (SplitMix64).
struct SampleSource {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func below(_ bound: UInt64) -> Int { Int(next() % bound) }

    mutating func bytes(_ count: Int) -> [UInt8] {
        // Runs, so that it compresses.
        var bytes: [UInt8] = []
        while bytes.count < count {
            bytes += [UInt8](repeating: UInt8(below(256)), count: below(9) + 1)
        }
        return Array(bytes.prefix(count))
    }
}
