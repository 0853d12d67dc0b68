import TestSupport

/// A registry as the large hosts run them, in a few lines of Python.
///
/// Tokens come from a service, lists in pages, blobs from another host; its answers can be made
/// wrong.
final class FakeRegistry: Sendable {
    let url: String
    private let process: ChildProcess

    /// - Parameter fault: `digest` tampers with blobs, `realm` names a service in a closed
    ///   network, `blob` sends readers of blobs there; empty for none.
    static func start(fault: String = "") async throws -> FakeRegistry {
        let process = try ChildProcess("/usr/bin/python3", ["-u", "-c", script, fault])
        let port = try await Wait.until("the fake registry listens\n\(process.transcript)") {
            process.output.lines.first.flatMap { UInt16($0) }
        }
        return FakeRegistry(process, "http://127.0.0.1:\(port)")
    }

    private init(_ process: ChildProcess, _ url: String) {
        self.process = process
        self.url = url
    }

    /// The requests so far, and what each presented.
    var requests: [String] { Array(process.output.lines.dropFirst()) }

    private static let script = """
        import base64, hashlib, json, sys
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
        fault = sys.argv[1]
        layer = b"the bytes of an archive"
        sha = lambda b: "sha256:" + hashlib.sha256(b).hexdigest()
        closed = "http://127.1.2.3:1"
        manifest = json.dumps({"schemaVersion": 2,
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha(b"{}"), "size": 2},
            "layers": [{"mediaType": "application/vnd.easel.pack.content.v1.tar+gzip",
                "digest": sha(layer), "size": len(layer)}]}).encode()
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *a): pass
            def answer(self, status, body=b"", **fields):
                self.send_response(status)
                for name, value in fields.items(): self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def do_GET(self):
                sent = self.headers.get("Authorization", "-")
                print(self.path, sent)
                host = "http://" + self.headers["Host"]
                if self.path.startswith("/token"):
                    basic = "Basic " + base64.b64encode(b"me:right").decode()
                    if sent != basic: return self.answer(401, b"secret words of the upstream")
                    return self.answer(200, json.dumps({"token": "t0ken"}).encode())
                if self.path.startswith("/cdn/"):
                    return self.answer(200, b"x" + layer[1:] if fault == "digest" else layer)
                if sent != "Bearer t0ken":
                    realm = (closed if fault == "realm" else host) + "/token"
                    return self.answer(401, WWW_Authenticate='Bearer realm="%s",service="s v",scope="repository:a/web:pull"' % realm)
                if self.path == "/v2/": return self.answer(200, b"{}")
                if self.path.startswith("/v2/a/web/tags/list"):
                    if "last=" in self.path: return self.answer(200, b'{"tags":["2.0.0","-no tag"]}')
                    return self.answer(200, b'{"tags":["1.0.0","1.1.0_b"]}', Link='</v2/a/web/tags/list?n=2&last=x>; rel="next"')
                if self.path.startswith("/v2/a/web/manifests/"): return self.answer(200, manifest)
                if self.path.startswith("/v2/a/web/blobs/"):
                    target = closed if fault == "blob" else host.replace("127.0.0.1", "localhost")
                    return self.answer(307, Location=target + "/cdn/x")
                self.answer(404, b"{}")
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_port)
        server.serve_forever()
        """
}
