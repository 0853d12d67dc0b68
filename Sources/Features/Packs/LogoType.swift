/// The image formats that a logo may have, told by their first bytes.
enum LogoType: String, Sendable, CaseIterable {
    case png = "image/png"
    case gif = "image/gif"
    case jpeg = "image/jpeg"

    /// The format of an image; nil for anything else.
    init?(_ bytes: [UInt8]) {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if bytes.starts(with: Array("GIF8".utf8)) {
            self = .gif
        } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else {
            return nil
        }
    }
}
