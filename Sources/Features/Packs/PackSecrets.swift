extension PackVersion {
    /// The paths of the values that the pack's schema calls passwords, such as `db.password`.
    ///
    /// `$[]` stands for each element of a list.
    package var passwordPaths: [String] {
        SchemaRule.rules(of: schema).filter { $0.format.contains("${password") }.map(\.path)
    }
}
