import APIKit
import JSON
import Testing

@testable import Profiles

@Suite("Advice about values")
struct AdviceTests {
    /// The codes of what is found in one layer.
    private func findings(
        _ layer: String,
        _ values: String,
        name: String = "x",
        cloudType: String = "edge"
    ) -> [String] {
        let linked = LinkedLayer(
            Layer(
                name: name,
                kind: .manifest,
                layer: layer,
                registryUID: "",
                packUID: "",
                tag: "",
                values: values,
                manifests: []
            ),
            pack: nil,
            values: values,
            defaults: "",
            pointer: ""
        )
        return ValueFindings.of([linked], cloudType: cloudType).map {
            "\($0.weight.rawValue) \($0.fault.pointer) \($0.fault.code)"
        }
    }

    // CHK-10.2.
    @Test func `networks of pods and services lie apart`() {
        let pack = "pack:\n  podCIDR: 10.96.0.0/16\n  serviceClusterIpRange: 10.96.0.0/12\n"
        #expect(findings("k8s", pack) == ["error /values/pack/podCIDR NetworksOverlap"])
        #expect(findings("k8s", pack.replacing("10.96.0.0/16", with: "192.168.0.0/16")) == [])
        // Inside a text, for both families, as the distributions of later years have it.
        let text = """
            cluster:
              config: |
                cluster-cidr: 10.42.0.0/16,fd00:42::/56
                service-cidr: 10.43.0.0/16,fd00:42::/112
            """
        #expect(
            findings("k8s", text)
                == ["error /values/cluster/config/cluster-cidr NetworksOverlap"]
        )
        #expect(
            findings("k8s", "podSubnet: 10.0.0.0/40\n") == [
                "error /values/podSubnet InvalidNetwork"
            ]
        )
        #expect(findings("k8s", "podSubnet: '{{ .spectro.macro.pods }}'\n") == [])
        #expect(findings("addon", pack) == [])
    }

    @Test func `Rook-Ceph takes its disks as the environment wants`() {
        let storage = "storage:\n  useAllNodes: true\n  useAllDevices: true\n"
        let place = "warning /values/storage"
        #expect(
            findings("csi", storage, name: "rook-ceph") == [place + "/useAllDevices RookDevices"]
        )
        #expect(findings("csi", storage, name: "rook-ceph", cloudType: "libvirt") == [])
        let filtered = storage.replacing("Devices: true", with: "Devices: false")
        #expect(
            findings("csi", filtered, name: "rook-ceph", cloudType: "libvirt")
                == [place + "/useAllDevices RookDevices"]
        )
        #expect(findings("csi", filtered, name: "rook-ceph") == [place + " RookDevices"])
        let seed = filtered + "  deviceFilter: ^sd[d-f]\n  config:\n    osdsPerDevice: \"1\"\n"
        #expect(findings("csi", seed, name: "rook-ceph") == [])
        #expect(
            findings("csi", seed.replacing("\"1\"", with: "\"3\""), name: "rook-ceph")
                == [place + "/config/osdsPerDevice RookDevices"]
        )
        #expect(findings("csi", storage, name: "other") == [])
    }

    private let certificate = """
        kubeadmconfig:
          preKubeadmCommands:
            - update-ca-certificates
            - 'systemctl restart containerd; sleep 3'
            - 'while [ ! -S /var/run/containerd/containerd.sock ]; do sleep 1; done'
          files:
            - targetPath: /usr/local/share/ca-certificates/mycom.crt
              targetOwner: "root:root"
              targetPermissions: "0644"
              content: |
                -----BEGIN CERTIFICATE-----
                AAAA
                -----END CERTIFICATE-----
        """

    @Test func `a custom certificate has the shape that is documented`() {
        #expect(findings("os", certificate) == [])
        let file = "warning /values/kubeadmconfig/files/0"
        for (from, to, key) in [
            ("mycom.crt", "mycom.pem", "targetPath"), ("\"0644\"", "\"0600\"", "targetPermissions"),
            ("root:root", "me:me", "targetOwner"), ("BEGIN", "BEGUN", "content"),
        ] {
            let changed = certificate.replacing(from, with: to)
            #expect(findings("os", changed) == [file + "/\(key) CertificateFile"], "\(key)")
        }
        for command in ["update-ca-certificates", "restart containerd", "containerd.sock"] {
            let changed = certificate.replacing(command, with: "true", maxReplacements: 1)
            #expect(findings("os", changed) == [file + " CertificateCommands"], "\(command)")
        }
    }

    @Test func `steps of one stage have names of their own`() {
        let stages = """
            stages:
              initramfs:
                - name: users
                - name: users
              boot:
                - name: users
            """
        #expect(
            findings("os", stages) == ["warning /values/stages/initramfs/1/name DuplicateStage"]
        )
    }

    @Test func `somebody can sign in`() {
        let users = "users:\n  - name: palette\n    lock_passwd: true\n    passwd: x\n"
        #expect(findings("os", users) == ["warning /values/users NoLogin"])
        #expect(findings("os", users + "    ssh_authorized_keys: [ssh-ed25519 AAAA]\n") == [])
        #expect(findings("os", users.replacing("true", with: "false")) == [])
        #expect(findings("os", "packages: []\n") == [])
    }
}
