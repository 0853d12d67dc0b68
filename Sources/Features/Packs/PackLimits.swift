/// How much a pack may hold; every loop and list of this folder is bounded by one of these.
package enum PackLimits {
    /// A pack archive as it comes, packed.
    package static let archiveBytesMax = 64 << 20
    /// Imports over HTTP at a time, from the first byte of the archive on: each may take a few
    /// times what its pack holds.
    static let importsAtOnce = 1
    /// All files of one pack together, unpacked.
    static let packBytesMax = 128 << 20
    /// Files of one pack, unpacked.
    static let fileCountMax = 2_000
    /// One file of a pack.
    static let fileBytesMax = 64 << 20
    static let packJSONBytesMax = 256 << 10
    static let valuesBytesMax = 1 << 20
    static let presetsBytesMax = 1 << 20
    static let schemaBytesMax = 1 << 20
    static let manifestBytesMax = 8 << 20
    static let readmeBytesMax = 1 << 20
    static let logoBytesMax = 2 << 20
    static let chartBytesMax = 32 << 20
    /// One chart, unpacked, and its files.
    static let chartUnpackedBytesMax = 64 << 20
    static let chartFileCountMax = 10_000
    static let chartYAMLBytesMax = 256 << 10
    static let manifestCountMax = 100
    static let chartCountMax = 100
    static let cloudTypeCountMax = 64
    static let annotationCountMax = 256
    static let presetCountMax = 256
    static let presetRemovalCountMax = 256
    static let schemaPathCountMax = 2_000
    static let constraintCountMax = 256
    static let nameBytesMax = 128
    static let textBytesMax = 1_024
    static let pathBytesMax = 512
    /// A version's text.
    package static let versionBytesMax = 128
    /// Faults that one refusal lists.
    static let faultCountMax = 100
    /// Packs of one folder that one import takes.
    static let packsInFolderMax = 10_000
    /// Terms of one `filters` text.
    static let filterTermCountMax = 32
    /// Values of one `_in_` term.
    static let filterValueCountMax = 100
    /// The certificates of one registry.
    static let certificateBytesMax = 256 << 10
    /// The `index.json` of a pack registry, and the packs in it.
    static let packIndexBytesMax = 16 << 20
    static let packsInIndexMax = 20_000
    /// The `index.yaml` of a Helm repository; popular ones have 20 MB and more.
    static let helmIndexBytesMax = 64 << 20
    /// One chart's part of it, and an index that is not laid out as Helm writes it.
    static let helmIndexWholeBytesMax = 8 << 20
    /// Versions of one chart that are read from an index.
    static let helmVersionsReadMax = 5_000
    /// The newest versions of one chart that are listed; older ones can be named nevertheless.
    static let helmVersionsListedMax = 100
    /// Chart versions that one registry lists.
    static let helmEntriesMax = 20_000
    /// Rows of an index that one transaction writes: other writes wait no longer.
    static let chartRowsPerWrite = 500
    /// How long one fetch from a registry may take.
    static let fetchTimeout = Duration.seconds(120)
    /// How long it may take to see whether a registry can be read, all of it: a caller waits.
    static let checkTimeout = Duration.seconds(20)
    /// Registries that are synchronised at a time.
    static let syncsAtOnce = 3
    /// After this long a run may be overtaken by force (BEHAVIOUR 4.4).
    static let syncForcedAfterSeconds: Int64 = 3_600
    /// Charts that are fetched while a Helm repository is added.
    static let chartsAtCreationMax = 20
}
