// Messages in three forms: protobuf text, the object of our generated type, and the bytes that
// Debian's protoc 3.21.12 made of the text (`--deterministic_output`: map keys sorted).
// The bytes were not made by our encoder; never replace them by what it prints.
import { Cluster, Node, Service, Task } from '../gen/swarmkit/objects.js';
import { InternalRaftRequest, JoinResponse, StoreActionKind } from '../gen/swarmkit/raft.js';
import { NodeSpec_Availability, NodeSpec_Membership } from '../gen/swarmkit/specs.js';
import {
  IssuanceStatus_State,
  NodeRole,
  NodeStatus_State,
  PortConfig_Protocol,
  PortConfig_PublishMode,
  RaftMemberStatus_Reachability,
  RestartPolicy_RestartCondition,
  TaskState,
  UpdateConfig_FailureAction,
  UpdateConfig_UpdateOrder,
} from '../gen/swarmkit/types.js';
import { EntryType, Message, MessageType as RaftMessageType } from '../gen/raftpb/raft.js';
import type { MessageType } from '../message-type.js';

export interface Vector {
  readonly name: string;
  /** Full protobuf name. */
  readonly type: string;
  readonly codec: MessageType<unknown>;
  readonly text: string;
  readonly message: unknown;
  readonly hex: string;
}

function vector<T>(
  name: string,
  type: string,
  codec: MessageType<T>,
  text: string,
  message: T,
  hex: string,
): Vector {
  return { name, type, codec: codec as MessageType<unknown>, text, message, hex };
}

const SERVICE = Service.create({
  id: 'svc1',
  meta: {
    version: { index: 300n },
    createdAt: { seconds: 1700000000n, nanos: 5 },
    updatedAt: { seconds: -1n, nanos: 999999999 },
  },
  spec: {
    annotations: { name: 'wëb', labels: { a: '1', b: '' }, indices: [{ key: 'k', val: 'v' }] },
    task: {
      runtime: {
        $case: 'container',
        value: {
          image: 'nginx:1.25',
          command: ['sh', '-c'],
          args: ['', 'x'],
          env: ['A=B'],
          stopGracePeriod: { seconds: 10n, nanos: 0 },
          init: false,
          pidsLimit: -1n,
          ulimits: [{ name: 'nofile', soft: 1024n, hard: 9223372036854775807n }],
        },
      },
      resources: {
        limits: { nanoCpus: 500000000n, memoryBytes: 67108864n },
        reservations: {
          generic: [
            {
              resource: {
                $case: 'namedResourceSpec',
                value: { kind: 'gpu', value: 'UUID1' },
              },
            },
            { resource: { $case: 'discreteResourceSpec', value: { kind: 'ssd', value: 3n } } },
          ],
        },
        swapBytes: -1n,
      },
      restart: { condition: RestartPolicy_RestartCondition.ON_FAILURE, maxAttempts: 3n },
      placement: {
        constraints: ['node.role==worker'],
        preferences: [
          {
            Preference: { $case: 'spread', value: { spreadDescriptor: 'node.labels.rack' } },
          },
        ],
        platforms: [{ architecture: 'amd64', os: 'linux' }],
        maxReplicas: 2n,
      },
      networks: [{ target: 'net1', aliases: ['web'] }],
      forceUpdate: 18446744073709551615n,
    },
    mode: { $case: 'replicated', value: { replicas: 3n } },
    update: {
      parallelism: 1n,
      delay: { seconds: 0n, nanos: 250000000 },
      failureAction: UpdateConfig_FailureAction.ROLLBACK,
      maxFailureRatio: 0.25,
      order: UpdateConfig_UpdateOrder.START_FIRST,
    },
    endpoint: {
      ports: [
        {
          protocol: PortConfig_Protocol.UDP,
          targetPort: 53,
          publishedPort: 65535,
          publishMode: PortConfig_PublishMode.HOST,
        },
      ],
    },
  },
  pendingDelete: true,
  specVersion: { index: 0n },
});

const SERVICE_TEXT = `
id: "svc1"
meta {
  version { index: 300 }
  created_at { seconds: 1700000000 nanos: 5 }
  updated_at { seconds: -1 nanos: 999999999 }
}
spec {
  annotations {
    name: "w\\303\\253b"
    labels { key: "a" value: "1" }
    labels { key: "b" value: "" }
    indices { key: "k" val: "v" }
  }
  task {
    container {
      image: "nginx:1.25"
      command: "sh" command: "-c"
      args: "" args: "x"
      env: "A=B"
      stop_grace_period { seconds: 10 }
      init { value: false }
      pidsLimit: -1
      ulimits { name: "nofile" soft: 1024 hard: 9223372036854775807 }
    }
    resources {
      limits { nano_cpus: 500000000 memory_bytes: 67108864 }
      reservations {
        generic { named_resource_spec { kind: "gpu" value: "UUID1" } }
        generic { discrete_resource_spec { kind: "ssd" value: 3 } }
      }
      swap_bytes { value: -1 }
    }
    restart { condition: ON_FAILURE max_attempts: 3 }
    placement {
      constraints: "node.role==worker"
      preferences { spread { spread_descriptor: "node.labels.rack" } }
      platforms { architecture: "amd64" os: "linux" }
      max_replicas: 2
    }
    networks { target: "net1" aliases: "web" }
    force_update: 18446744073709551615
  }
  replicated { replicas: 3 }
  update {
    parallelism: 1
    delay { nanos: 250000000 }
    failure_action: ROLLBACK
    max_failure_ratio: 0.25
    order: START_FIRST
  }
  endpoint {
    ports { protocol: UDP target_port: 53 published_port: 65535 publish_mode: HOST }
  }
}
pending_delete: true
spec_version { }
`;

const TASK = Task.create({
  id: 'task1',
  spec: { runtime: { $case: 'attachment', value: { containerId: 'c0' } } },
  serviceId: 'svc1',
  slot: 128n,
  nodeId: 'node1',
  annotations: { name: 'web.128.task1' },
  status: {
    timestamp: { seconds: 1700000001n, nanos: 0 },
    state: TaskState.FAILED,
    message: 'started',
    err: 'task: non-zero exit (137)',
    runtimeStatus: {
      $case: 'container',
      value: { containerId: 'c1', pid: 4711, exitCode: -137 },
    },
    portStatus: {},
    appliedBy: 'node1',
  },
  desiredState: TaskState.SHUTDOWN,
  networks: [
    {
      network: {
        id: 'net1',
        spec: { configFrom: { $case: 'network', value: 'base' } },
        driverState: { name: 'overlay', options: { 'com.docker.network.vxlanid': '4096' } },
        extra: { typeUrl: 'type.example/x', value: Buffer.from([0, 255, 128]) },
      },
      addresses: ['10.0.0.3/24'],
    },
  ],
  jobIteration: { index: 1n },
  volumes: [{ id: 'v', source: 's', target: '/t' }],
});

const TASK_TEXT = `
id: "task1"
spec { attachment { container_id: "c0" } }
service_id: "svc1"
slot: 128
node_id: "node1"
annotations { name: "web.128.task1" }
status {
  timestamp { seconds: 1700000001 }
  state: FAILED
  message: "started"
  err: "task: non-zero exit (137)"
  container { container_id: "c1" pid: 4711 exit_code: -137 }
  port_status { }
  applied_by: "node1"
}
desired_state: SHUTDOWN
networks {
  network {
    id: "net1"
    spec { network: "base" }
    driver_state {
      name: "overlay"
      options { key: "com.docker.network.vxlanid" value: "4096" }
    }
    extra { type_url: "type.example/x" value: "\\000\\377\\200" }
  }
  addresses: "10.0.0.3/24"
}
job_iteration { index: 1 }
volumes { id: "v" source: "s" target: "/t" }
`;

const NODE = Node.create({
  id: 'node1',
  meta: { version: { index: 16384n } },
  spec: {
    annotations: { labels: { rack: 'r1', zone: 'z' } },
    desiredRole: NodeRole.MANAGER,
    membership: NodeSpec_Membership.ACCEPTED,
    availability: NodeSpec_Availability.DRAIN,
  },
  description: {
    hostname: 'host-1',
    platform: { architecture: 'x86_64', os: 'linux' },
    resources: { nanoCpus: 8000000000n, memoryBytes: 33554432000n },
    engine: {
      engineVersion: '27.0.1',
      labels: { e: '1' },
      plugins: [{ type: 'Volume', name: 'local' }],
    },
    tlsInfo: {
      trustRoot: Buffer.from('root'),
      certIssuerSubject: Buffer.from([0x30, 0x00]),
      certIssuerPublicKey: Buffer.from([0xff]),
    },
    fips: true,
    csiInfo: [
      {
        pluginName: 'p',
        nodeId: 'n',
        maxVolumesPerNode: 4n,
        accessibleTopology: { segments: { region: 'R1' } },
      },
    ],
  },
  status: { state: NodeStatus_State.READY, addr: '10.1.1.1' },
  managerStatus: {
    raftId: 9223372036854775809n,
    addr: '10.1.1.1:2377',
    leader: true,
    reachability: RaftMemberStatus_Reachability.REACHABLE,
  },
  certificate: {
    role: NodeRole.MANAGER,
    csr: Buffer.from('csr'),
    status: { state: IssuanceStatus_State.ISSUED },
    certificate: Buffer.from('pem'),
    cn: 'node1',
  },
  role: NodeRole.MANAGER,
  VXLANUDPPort: 4789,
});

const NODE_TEXT = `
id: "node1"
meta { version { index: 16384 } }
spec {
  annotations {
    labels { key: "rack" value: "r1" }
    labels { key: "zone" value: "z" }
  }
  desired_role: MANAGER
  membership: ACCEPTED
  availability: DRAIN
}
description {
  hostname: "host-1"
  platform { architecture: "x86_64" os: "linux" }
  resources { nano_cpus: 8000000000 memory_bytes: 33554432000 }
  engine {
    engine_version: "27.0.1"
    labels { key: "e" value: "1" }
    plugins { type: "Volume" name: "local" }
  }
  tls_info { trust_root: "root" cert_issuer_subject: "0\\000" cert_issuer_public_key: "\\377" }
  fips: true
  csi_info {
    plugin_name: "p"
    node_id: "n"
    max_volumes_per_node: 4
    accessible_topology { segments { key: "region" value: "R1" } }
  }
}
status { state: READY addr: "10.1.1.1" }
manager_status {
  raft_id: 9223372036854775809
  addr: "10.1.1.1:2377"
  leader: true
  reachability: REACHABLE
}
certificate {
  role: MANAGER
  csr: "csr"
  status { state: ISSUED }
  certificate: "pem"
  cn: "node1"
}
role: MANAGER
VXLANUDPPort: 4789
`;

const CLUSTER = Cluster.create({
  id: 'cluster1',
  spec: {
    annotations: { name: 'default' },
    acceptancePolicy: {
      policies: [
        { role: NodeRole.WORKER, autoaccept: true },
        { role: NodeRole.MANAGER, secret: { data: Buffer.from('s'), alg: 'bcrypt' } },
      ],
    },
    orchestration: { taskHistoryRetentionLimit: -5n },
    raft: { snapshotInterval: 10000n, heartbeatTick: 1, electionTick: 10 },
    dispatcher: { heartbeatPeriod: { seconds: 5n, nanos: 0 } },
    caConfig: {
      nodeCertExpiry: { seconds: 7776000n, nanos: 0 },
      externalCas: [{ url: 'https://ca', options: { o: 'p' }, caCert: Buffer.from('c') }],
      forceRotate: 1n,
    },
    encryptionConfig: { autoLockManagers: true },
  },
  rootCa: {
    caKey: Buffer.from('key'),
    caCert: Buffer.from('cert'),
    caCertHash: 'sha256:ab',
    joinTokens: { worker: 'SWMTKN-1-a', manager: 'SWMTKN-1-b' },
    rootRotation: { crossSignedCaCert: Buffer.from('x') },
  },
  networkBootstrapKeys: [
    { subsystem: 'networking:gossip', key: Buffer.from([1, 2, 3]), lamportTime: 7n },
  ],
  encryptionKeyLamportClock: 9n,
  blacklistedCertificates: { n1: { expiry: { seconds: 1n, nanos: 0 } }, n2: {} },
  fips: true,
  defaultAddressPool: ['10.0.0.0/8', '20.0.0.0/8'],
  subnetSize: 24,
  VXLANUDPPort: 4294967295,
});

const CLUSTER_TEXT = `
id: "cluster1"
spec {
  annotations { name: "default" }
  acceptance_policy {
    policies { autoaccept: true }
    policies { role: MANAGER secret { data: "s" alg: "bcrypt" } }
  }
  orchestration { task_history_retention_limit: -5 }
  raft { snapshot_interval: 10000 heartbeat_tick: 1 election_tick: 10 }
  dispatcher { heartbeat_period { seconds: 5 } }
  ca_config {
    node_cert_expiry { seconds: 7776000 }
    external_cas { url: "https://ca" options { key: "o" value: "p" } ca_cert: "c" }
    force_rotate: 1
  }
  encryption_config { auto_lock_managers: true }
}
root_ca {
  ca_key: "key"
  ca_cert: "cert"
  ca_cert_hash: "sha256:ab"
  join_tokens { worker: "SWMTKN-1-a" manager: "SWMTKN-1-b" }
  root_rotation { cross_signed_ca_cert: "x" }
}
network_bootstrap_keys { subsystem: "networking:gossip" key: "\\001\\002\\003" lamport_time: 7 }
encryption_key_lamport_clock: 9
blacklisted_certificates { key: "n1" value { expiry { seconds: 1 } } }
blacklisted_certificates { key: "n2" value { } }
fips: true
defaultAddressPool: "10.0.0.0/8"
defaultAddressPool: "20.0.0.0/8"
subnetSize: 24
VXLANUDPPort: 4294967295
`;

const REQUEST = InternalRaftRequest.create({
  id: 12345678901234567890n,
  action: [
    { action: StoreActionKind.STORE_ACTION_CREATE, target: { $case: 'task', value: { id: 't' } } },
    {
      action: StoreActionKind.STORE_ACTION_UPDATE,
      target: { $case: 'cluster', value: { id: 'c', subnetSize: 8 } },
    },
    {
      action: StoreActionKind.STORE_ACTION_REMOVE,
      target: { $case: 'volume', value: { id: 'v' } },
    },
    { action: StoreActionKind.STORE_ACTION_REMOVE },
  ],
});

const REQUEST_TEXT = `
id: 12345678901234567890
action { action: STORE_ACTION_CREATE task { id: "t" } }
action { action: STORE_ACTION_UPDATE cluster { id: "c" subnetSize: 8 } }
action { action: STORE_ACTION_REMOVE volume { id: "v" } }
action { action: STORE_ACTION_REMOVE }
`;

const JOIN_RESPONSE = JoinResponse.create({
  raftId: 5n,
  members: [{ raftId: 6n, nodeId: 'n', addr: 'a:1', status: { leader: true } }],
  removedMembers: [1n, 18446744073709551615n],
});

const JOIN_RESPONSE_TEXT = `
raft_id: 5
members { raft_id: 6 node_id: "n" addr: "a:1" status { leader: true } }
removed_members: 1
removed_members: 18446744073709551615
`;

const APPEND = Message.create({
  type: RaftMessageType.MsgApp,
  to: 2n,
  from: 9223372036854775808n,
  term: 7n,
  logTerm: 6n,
  index: 1000n,
  entries: [
    { Type: EntryType.EntryNormal, Term: 7n, Index: 1001n, Data: Buffer.from([8, 1]) },
    { Type: EntryType.EntryConfChange, Term: 7n, Index: 1002n },
  ],
  commit: 999n,
});

/** etcd's scalars are always there, zero or not; so they are in the text. */
const APPEND_TEXT = `
type: MsgApp to: 2 from: 9223372036854775808 term: 7 logTerm: 6 index: 1000
entries { Type: EntryNormal Term: 7 Index: 1001 Data: "\\010\\001" }
entries { Type: EntryConfChange Term: 7 Index: 1002 }
commit: 999 reject: false rejectHint: 0 vote: 0
`;

const SNAP = Message.create({
  type: RaftMessageType.MsgSnap,
  to: 3n,
  from: 1n,
  term: 2n,
  snapshot: {
    data: Buffer.from('snapshot'),
    metadata: { confState: { voters: [1n, 2n, 3n], learners: [300n] }, index: 77n, term: 2n },
  },
  context: Buffer.from('ctx'),
});

const SNAP_TEXT = `
type: MsgSnap to: 3 from: 1 term: 2 logTerm: 0 index: 0 commit: 0
snapshot {
  data: "snapshot"
  metadata {
    conf_state { voters: 1 voters: 2 voters: 3 learners: 300 auto_leave: false }
    index: 77 term: 2
  }
}
reject: false rejectHint: 0 context: "ctx" vote: 0
`;

const SERVICE_HEX =
  '0a047376633112220a0308ac0212080880e2cfaa0610051a1108ffffffffffffffffff0110ff93ebdc031aa7' +
  '020a1d0a0477c3ab6212060a016112013112050a0162120022060a016b12017612df010a490a0a6e67696e78' +
  '3a312e32351a0273681a022d6322002201782a03413d424a02080aba0100c801ffffffffffffffffff01ea01' +
  '150a066e6f66696c6510800818ffffffffffffffff7f12370a0b0880cab5ee011080808020121b1a0e0a0c0a' +
  '03677075120555554944311a0912070a0373736410031a0b08ffffffffffffffffff012204080118032a3b0a' +
  '116e6f64652e726f6c653d3d776f726b657212140a120a106e6f64652e6c6162656c732e7261636b1a0e0a05' +
  '616d64363412056c696e757820023a0b0a046e657431120377656248ffffffffffffffffff011a0208033212' +
  '080112051080e59a7718022d0000803e3001420c120a1001183520ffff03280138015200';

const TASK_HEX =
  '0a057461736b311a0642040a02633022047376633128800132056e6f6465313a0f0a0d7765622e3132382e74' +
  '61736b314a4c0a060881e2cfaa0610c0051a077374617274656422197461736b3a206e6f6e2d7a65726f2065' +
  '7869742028313337292a120a02633110e72418f7feffffffffffffff0132003a056e6f6465315080055a630a' +
  '540a046e6574311a06420462617365222d0a076f7665726c617912220a1a636f6d2e646f636b65722e6e6574' +
  '776f726b2e76786c616e69641204343039363a150a0e747970652e6578616d706c652f78120300ff80120b31' +
  '302e302e302e332f323482010208018a010a0a01761201731a022f74';

const NODE_HEX =
  '0a056e6f64653112060a04088080011a1f0a17120a0a047261636b1202723112090a047a6f6e6512017a1001' +
  '1801200222750a06686f73742d31120f0a067838365f363412056c696e75781a0c0880a0d9e61d1080808080' +
  '7d22210a0632372e302e3112060a01651201311a0f0a06566f6c756d6512056c6f63616c2a0d0a04726f6f74' +
  '120230001a01ff30013a180a017012016e1804220e0a0c0a06726567696f6e120252312a0c08021a0831302e' +
  '312e312e31321e0881808080808080808001120d31302e312e312e313a323337371801200242170801120363' +
  '73721a020803220370656d2a056e6f646531480158b525';

const CLUSTER_HEX =
  '0a08636c7573746572311a660a090a0764656661756c7412150a0210010a0f08011a0b0a0173120662637279' +
  '70741a0b08fbffffffffffffffff01220708904e2001280a2a040a02080532220a050880ceda031217120a68' +
  '747470733a2f2f63611a060a016f12017022016328014202080122350a036b65791204636572741a09736861' +
  '3235363a616222180a0a53574d544b4e2d312d61120a53574d544b4e2d312d622a031a01782a1a0a116e6574' +
  '776f726b696e673a676f737369701a0301020320073009420a0a026e3112040a02080142060a026e32120050' +
  '015a0a31302e302e302e302f385a0a32302e302e302e302f38601868ffffffff0f';

const REQUEST_HEX =
  '08d295fcd8ceb1aaaaab011207080122030a01741209080232050a01636008120708035a030a017612020803';

const JOIN_RESPONSE_HEX = '0805120e080612016e1a03613a3122020801180118ffffffffffffffffff01';

const APPEND_HEX =
  '0803100218808080808080808080012007280630e8073a0b0800100718e907220208013a070801100718ea07' +
  '40e707500058006800';

const SNAP_HEX =
  '08071003180120022800300040004a1d0a08736e617073686f7412110a0b08010802080310ac022800104d18' +
  '025000580062036374786800';

const SWARM = 'docker.swarmkit.v1';

export const VECTORS: readonly Vector[] = [
  vector('Service', `${SWARM}.Service`, Service, SERVICE_TEXT, SERVICE, SERVICE_HEX),
  vector('Task', `${SWARM}.Task`, Task, TASK_TEXT, TASK, TASK_HEX),
  vector('Node', `${SWARM}.Node`, Node, NODE_TEXT, NODE, NODE_HEX),
  vector('Cluster', `${SWARM}.Cluster`, Cluster, CLUSTER_TEXT, CLUSTER, CLUSTER_HEX),
  vector(
    'InternalRaftRequest',
    `${SWARM}.InternalRaftRequest`,
    InternalRaftRequest,
    REQUEST_TEXT,
    REQUEST,
    REQUEST_HEX,
  ),
  vector(
    'JoinResponse with an unpacked list',
    `${SWARM}.JoinResponse`,
    JoinResponse,
    JOIN_RESPONSE_TEXT,
    JOIN_RESPONSE,
    JOIN_RESPONSE_HEX,
  ),
  vector('MsgApp', 'raftpb.Message', Message, APPEND_TEXT, APPEND, APPEND_HEX),
  vector('MsgSnap', 'raftpb.Message', Message, SNAP_TEXT, SNAP, SNAP_HEX),
];
