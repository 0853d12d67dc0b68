import APIKit
import Testing

private let disposition = "Content-Disposition: form-data; name="

@Suite("A form with files")
struct MultipartFormTests {
    private func part(_ name: String, _ body: String, type: String = "a/b; boundary=x") throws
        -> String?
    {
        try MultipartForm.part(name, of: Array(body.utf8), contentType: type).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    @Test(arguments: [
        ("--x\r\n\(disposition)\"f\"\r\n\r\n12\r\n--x--", "12"),
        ("--x\r\n\(disposition)f\r\nA: b\r\n\r\n\r\n--x--\r\n", ""),
        ("before\r\n--x  \r\n\(disposition)\"f\"\r\n\r\n--xy\r\n-\r\n--x--after", "--xy\r\n-"),
        (
            "--x\r\n\(disposition)\"g\"\r\n\r\n1\r\n--x\r\n\(disposition)\"f\"\r\n\r\n2\r\n--x--",
            "2"
        ),
        ("--x\r\n\(disposition)\"a;name=g\";name=\"f\"\r\n\r\n1\r\n--x--", nil),
        ("--x\r\n\(disposition)\"g\"\r\n\r\n\(disposition)\"f\"\r\n--x--", nil),
        ("--x--\r\n", nil),
    ])
    func `gives the first part of a name`(_ body: String, _ content: String?) throws {
        #expect(try part("f", body) == content)
    }

    @Test(arguments: [
        ("", "a/b; boundary=x"), ("--x\r\nA: b", "a/b; boundary=x"),
        ("--x\r\n\(disposition)f\r\n\r\n12", "a/b; boundary=x"), ("--x--", "a/b"),
        ("--y--", "a/b; boundary=x"), ("-- --", "a/b; boundary=\"\""),
    ])
    func `is refused when it has no end, or no boundary`(_ body: String, _ type: String) {
        #expect(throws: MultipartForm.Unreadable.self) { try part("f", body, type: type) }
    }

    @Test func `takes a boundary in quotes`() throws {
        let body = "--a b\r\n\(disposition)\"f\"\r\n\r\n1\r\n--a b--"
        #expect(try part("f", body, type: "multipart/form-data; boundary=\"a b\"") == "1")
    }
}
