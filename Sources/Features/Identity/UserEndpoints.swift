import APIKit
import Audit
import HTTPCore
import Primitives
import Storage

extension Identity {
    var sessionEndpoints: [Endpoint] { [authenticate, refresh] }
    var userEndpoints: [Endpoint] { [userInfo, listUsers, createUser] }

    // The credential is never taken from a cookie, so that no other site can use a browser's: the
    // parameter is known and without effect.
    private static let setCookie = QueryParameter(
        "setCookie",
        .boolean,
        "Taken and ignored: no cookie is ever set."
    )

    private var authenticate: Endpoint {
        Endpoint(
            .post,
            "/v1/auth/authenticate",
            id: "v1Authenticate",
            tag: "auth",
            summary: "Signs a person in with e-mail address and password.",
            access: .open,
            failures: [.unauthenticated, .tooManyRequests],
            query: [Self.setCookie],
            bodyBytesMax: 8192,
            input: LoginInput.self,
            output: UserTokenAnswer.self
        ) { input, context in
            UserTokenAnswer(
                token: try await sessions.signIn(
                    input,
                    from: context.request.peerAddress,
                    requestID: context.requestID,
                    at: context.now
                )
            )
        }
        .answeringSecret()
        .checkingSecrets()
    }

    private var refresh: Endpoint {
        Endpoint(
            .get,
            "/v1/auth/refresh/{token}",
            id: "v1AuthRefresh",
            tag: "auth",
            summary: "Exchanges a token that is still valid for a fresh one of the same session.",
            access: .open,
            failures: [.unauthenticated],
            query: [Self.setCookie],
            output: UserTokenAnswer.self
        ) { _, context in
            UserTokenAnswer(
                token: try sessions.refresh(try context.parameter("token"), at: context.now)
            )
        }
        .answeringSecret()
        .checkingSecrets()
    }

    private var userInfo: Endpoint {
        Endpoint(
            .get,
            "/v1/users/info",
            id: "v1UsersInfoGet",
            tag: "users",
            summary: "Tells who the caller is, and in which organisation.",
            access: .signedIn,
            output: UserInfoAnswer.self
        ) { _, context in
            let user = try context.user()
            let name = try database.read { try AccountStore.tenantName(user.tenantUID, $0) }
            return UserInfoAnswer(
                organisation: name ?? "",
                tenantUID: user.tenantUID,
                userUID: user.uid
            )
        }
    }

    private var listUsers: Endpoint {
        Endpoint(
            .get,
            "/v1/users",
            id: "v1UsersList",
            tag: "users",
            summary: "Lists the people of the caller's organisation.",
            access: .user(.userList),
            failures: [.invalidRequest],
            query: QueryParameter.paging,
            output: UserListAnswer.self
        ) { _, context in
            let page = try context.page()
            let tenant = context.tenantUID
            let (accounts, total) = try database.read { tx in
                (
                    try AccountStore.page(tenant: tenant, page, tx),
                    try AccountStore.count(tenant: tenant, tx)
                )
            }
            return UserListAnswer(
                items: accounts.map(UserAnswer.init),
                meta: context.listMeta(
                    page,
                    shown: accounts.count,
                    total: total,
                    last: accounts.last?.uid
                )
            )
        }
    }

    private var createUser: Endpoint {
        Endpoint(
            .post,
            "/v1/users",
            id: "v1UsersCreate",
            tag: "users",
            summary: "Makes a person of the caller's organisation; `spec.password`, an addition to "
                + "Palette's body, is what they first sign in with.",
            access: .user(.userCreate),
            success: 201,
            failures: [.duplicateName, .limitExceeded],
            input: UserInput.self,
            output: UIDAnswer.self
        ) { input, context in
            let (tenant, actor, spec) = (context.tenantUID, AuditActor(context), input.spec)
            let passwordHash = try await sessions.hash(spec.password, of: spec.email)
            return try await context.write(database) { tx in
                guard try AccountStore.count(tenant: tenant, tx) < Account.countMax else {
                    throw Failure(
                        .limitExceeded,
                        "An organisation may have \(Account.countMax) people."
                    )
                }
                let account = Account(
                    uid: UID.make(at: tx.now).text,
                    tenantUID: tenant,
                    email: spec.email,
                    firstName: spec.firstName,
                    lastName: spec.lastName,
                    role: spec.role,
                    isActive: true,
                    createdAt: tx.now,
                    modifiedAt: tx.now
                )
                try AccountStore.insert(account, passwordHash: passwordHash, tx)
                try AuditStore.record(
                    .create,
                    AuditResource("user", uid: account.uid, name: account.email),
                    spec.role == Account.noRole ? "User created." : "Tenant Admin created.",
                    by: actor,
                    tx
                )
                return UIDAnswer(uid: account.uid)
            }
        }.takingIdempotencyKey()
    }
}
