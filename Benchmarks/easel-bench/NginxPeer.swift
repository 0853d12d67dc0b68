import Glibc

/// nginx with one worker, answering with fixed answers that are as large as Easel's.
final class NginxPeer {
    /// What one pair of ports answers, whatever is asked.
    struct Answer {
        let status: Int
        let fields: [(name: String, value: String)]
        let body: String
        /// A file that is the body; nil for a body that stands in the configuration.
        var file: String?

        /// 204 and nothing else.
        static let empty = Answer(status: 204, fields: [], body: "")

        /// The body of a sample as a file, and its header fields.
        init(like sample: [UInt8], servedFrom file: String) throws {
            let end = Array("\r\n\r\n".utf8)
            guard
                let start = sample.indices.first(where: { sample[$0...].starts(with: end) })
            else { throw BenchError("the sample is no HTTP answer") }
            let head = try Answer(like: Array(sample[..<(start + 2)]))
            try Files.write(Array(sample[(start + 4)...]), to: file)
            let own = ["etag", "accept-ranges"]
            self.init(
                status: head.status,
                fields: head.fields.filter { !own.contains($0.name.lowercased()) },
                body: ""
            )
            self.file = file
        }

        private init(status: Int, fields: [(name: String, value: String)], body: String) {
            self.status = status
            self.fields = fields
            self.body = body
        }

        /// Takes over an answer of the server under test: body and header fields, but for those
        /// that nginx writes itself.
        init(like sample: [UInt8]) throws {
            let text = String(decoding: sample, as: UTF8.self)
            var lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
            let words = lines.removeFirst().split(separator: " ")
            guard words.count > 1, let status = Int(words[1]) else {
                throw BenchError("the sample is no HTTP answer")
            }
            let own = ["date", "content-length", "content-type", "server", "connection"]
            var fields: [(name: String, value: String)] = []
            while !lines.isEmpty {
                let line = lines.removeFirst()
                if line.isEmpty { break }
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2, !own.contains(parts[0].lowercased()) else { continue }
                fields.append((String(parts[0]), String(parts[1].drop { $0 == " " })))
            }
            self.status = status
            self.fields = fields
            body = lines.joined(separator: "\r\n")
        }
    }

    struct Ports {
        let plain: UInt16
        /// HTTP/2 by prior knowledge, which this nginx cannot mix with HTTP/1.1.
        let plainHTTP2: UInt16
        /// Either, as ALPN chooses.
        let tls: UInt16
    }

    let ports: [Ports]
    private let master: ChildProcess
    private let worker: pid_t

    /// Starts nginx and waits for its worker.
    init(_ answers: [Answer], chainPath: String, keyPath: String, folder: String) throws {
        let ports = try answers.map { _ in
            Ports(
                plain: try Files.freePort(),
                plainHTTP2: try Files.freePort(),
                tls: try Files.freePort()
            )
        }
        self.ports = ports
        let path = "\(folder)/nginx.conf"
        let servers = try zip(answers, ports).map(Self.server).joined()
        let text = """
            worker_processes 1; worker_cpu_affinity 01; daemon off; \(Self.user)
            pid \(folder)/nginx.pid; error_log \(folder)/nginx.log;
            worker_rlimit_nofile 16384; events { worker_connections 8192; }
            http {
                access_log off; server_tokens off; default_type application/json;
                keepalive_requests 1000000000; keepalive_timeout 600s;
                client_body_temp_path \(folder); proxy_temp_path \(folder);
                fastcgi_temp_path \(folder); uwsgi_temp_path \(folder); scgi_temp_path \(folder);
                ssl_certificate \(chainPath); ssl_certificate_key \(keyPath);
                ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve X25519:prime256v1;
                ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384;
                ssl_conf_command NumTickets 1;
            \(servers)}

            """
        try Files.write(text, to: path)
        let program = access("/usr/sbin/nginx", X_OK) == 0 ? "/usr/sbin/nginx" : "nginx"
        master = try ChildProcess(
            [program, "-c", path, "-e", "\(folder)/nginx.log"],
            processor: 0,
            outputPath: "\(folder)/nginx-output"
        )
        worker = try Self.awaitWorker(of: master, folder)
    }

    /// As the superuser's, its worker would run as somebody who cannot read the bundle.
    private static let user = getuid() == 0 ? "user root;" : ""

    private static func awaitWorker(of master: ChildProcess, _ folder: String) throws -> pid_t {
        for _ in 0..<500 {
            if let worker = ProcessFigures.child(of: master.identifier) { return worker }
            if master.hasEnded { break }
            usleep(10_000)
        }
        let log = (try? Files.text("\(folder)/nginx.log")) ?? ""
        throw BenchError("nginx does not start: \(master.output)\(log)")
    }

    func stop() { master.stop() }

    func memory() throws -> ProcessFigures.Memory { try ProcessFigures.memory(worker) }

    func processorSeconds() throws -> Double { try ProcessFigures.processorSeconds(worker) }

    private static func server(_ answer: Answer, _ ports: Ports) throws -> String {
        var lines = [
            "listen 127.0.0.1:\(ports.plain) backlog=4096;",
            "listen 127.0.0.1:\(ports.plainHTTP2) http2 backlog=4096;",
            "listen 127.0.0.1:\(ports.tls) ssl http2 backlog=4096;",
        ]
        for (name, value) in answer.fields {
            lines.append("add_header \(name) \(try quoted(value)) always;")
        }
        var arguments = ""
        if !answer.body.isEmpty {
            // nginx refuses a longer text in one piece.
            let pieces = stride(from: 0, to: answer.body.utf8.count, by: 3000).map { start in
                String(
                    decoding: Array(answer.body.utf8.dropFirst(start).prefix(3000)),
                    as: UTF8.self
                )
            }
            if pieces.count == 1 {
                arguments = try quoted(answer.body)
            } else {
                for (index, piece) in pieces.enumerated() {
                    lines.append("set $body\(index) \(try quoted(piece));")
                }
                arguments = "\"" + pieces.indices.map { "${body\($0)}" }.joined() + "\""
            }
        }
        if let file = answer.file {
            let cut = file.lastIndex(of: "/") ?? file.startIndex
            let (folder, name) = (file[..<cut], file[cut...])
            lines.append("root \(folder); sendfile on; tcp_nopush on;")
            lines.append("location / { try_files \(name) =404; }")
            return "    server {\n" + lines.map { "        \($0)\n" }.joined() + "    }\n"
        }
        lines.append("location / { return \(answer.status) \(arguments); }")
        return "    server {\n" + lines.map { "        \($0)\n" }.joined() + "    }\n"
    }

    private static func quoted(_ text: String) throws -> String {
        guard !text.contains("$"), text.utf8.allSatisfy({ $0 < 128 && $0 >= 32 }) else {
            throw BenchError("nginx cannot be told to answer: \(text)")
        }
        return "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }
}
