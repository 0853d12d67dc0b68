import APIKit

extension Permission {
    static let registryList = Permission("packRegistry.list")
    static let registryGet = Permission("packRegistry.get")
    static let registryCreate = Permission("packRegistry.create")
    static let registryDelete = Permission("packRegistry.delete")
    static let registryUpdate = Permission("packRegistry.update")
}
