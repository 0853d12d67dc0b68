import APIKit

extension FuzzCheck {
    /// A form gives back the file that was put into it, whatever that holds; no bytes are more than
    /// a form without it.
    static let multipartForm = FuzzCheck("multipart-form") { bytes in
        let type = "multipart/form-data; boundary=x"
        if let part = try? MultipartForm.part("f", of: bytes, contentType: type) {
            try promise(part.count < bytes.count, "a part is shorter than its form")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        _ = try? MultipartForm.part("f", of: bytes, contentType: text)
        // No line of the file may be the boundary.
        let boundary = "x\(bytes.count)-of-it"
        guard !text.contains(boundary) else { return }
        let head = "--\(boundary)\r\nContent-Disposition: form-data; name=f\r\n\r\n"
        let form = Array(head.utf8) + bytes + Array("\r\n--\(boundary)--\r\n".utf8)
        let again = try MultipartForm.part(
            "f",
            of: form,
            contentType: "multipart/form-data; boundary=\"\(boundary)\""
        )
        try promise(again == bytes, "a form gives back its file")
        let other = try MultipartForm.part(
            "g",
            of: form,
            contentType: "multipart/form-data; boundary=\(boundary)"
        )
        try promise(other == nil, "a form has no part of another name")
    }
}
