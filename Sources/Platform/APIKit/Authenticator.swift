import HTTPCore

/// A credential as a request presents it: offsets into `Request.head`, so that looking one up
/// makes no copy.
package enum PresentedCredential: Sendable {
    /// The value of the `ApiKey` header.
    case apiKey(Range<Int>)
    /// The value of `Authorization`, a `Bearer ` prefix removed.
    case bearer(Range<Int>)
    /// The value of the `ApiKey` query parameter, decoded.
    case apiKeyText(String)
    /// The digest of the credential that the client's TLS certificate stands for.
    case certificate([UInt8])
}

/// Finds out who calls and in which scope; made of Identity's and AgentSync's halves in Wiring.
package protocol Authenticator: Sendable {
    /// The caller behind the credential.
    ///
    /// - Throws: `.unauthenticated`, with one text for unknown, expired and revoked credentials.
    func principal(of request: Request, presenting credential: PresentedCredential) throws
        -> Principal

    /// The scope that the `ProjectUid` header asks for.
    ///
    /// - Throws: `.operationForbidden` when the project is not one of the caller's tenant.
    func scope(projectUID: String, for principal: Principal) throws -> Scope
}

extension PresentedCredential {
    /// The credential of a request, if it presents one; an empty value counts as none.
    ///
    /// What a header says goes before the connection's certificate.
    static func find(in request: Request) -> PresentedCredential? {
        if let range = request.field("authorization"), !range.isEmpty {
            let scheme: StaticString = "bearer "
            let length = scheme.utf8CodeUnitCount
            guard range.count >= length else { return .bearer(range) }
            for index in 0..<length
            where request.head[range.lowerBound + index] | 0x20 != scheme.utf8Start[index] {
                return .bearer(range)
            }
            return .bearer((range.lowerBound + length)..<range.upperBound)
        }
        if let range = request.field("apikey"), !range.isEmpty { return .apiKey(range) }
        if !request.query.isEmpty,
            let text = QueryString.value(of: "ApiKey", in: request.head[request.query]),
            !text.isEmpty
        {
            return .apiKeyText(text)
        }
        if case .credential(let digest) = request.client { return .certificate(digest) }
        return nil
    }
}
