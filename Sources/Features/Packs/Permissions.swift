import APIKit

extension Permission {
    static let registryList = Permission("packRegistry.list")
    static let registryGet = Permission("packRegistry.get")
    static let registryUpdate = Permission("packRegistry.update")
}
