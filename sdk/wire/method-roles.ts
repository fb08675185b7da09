// Who may call which method: the authorization table of the docker.swarmkit.v1 services.
// A caller's role is the OU of its certificate. The RPC server asks this table before every call,
// and a method that is not in it is refused. Pure data: no policy belongs here.

/** Role in a node's certificate. */
export type CertificateRole = 'swarm-manager' | 'swarm-worker';

/** 'insecure': callers without a certificate too. Otherwise one of these roles is needed. */
export type MethodRoles = 'insecure' | readonly CertificateRole[];

const MANAGER: MethodRoles = ['swarm-manager'];
const ANY_NODE: MethodRoles = ['swarm-worker', 'swarm-manager'];

/** By full gRPC path, as in `ControlService.listNodes.path`. */
export const METHOD_ROLES: { readonly [path: string]: MethodRoles } = {
  // CA
  '/docker.swarmkit.v1.CA/GetRootCACertificate': 'insecure',
  '/docker.swarmkit.v1.CA/GetUnlockKey': MANAGER,
  // NodeCA
  '/docker.swarmkit.v1.NodeCA/IssueNodeCertificate': 'insecure',
  '/docker.swarmkit.v1.NodeCA/NodeCertificateStatus': 'insecure',
  // Control
  '/docker.swarmkit.v1.Control/CreateConfig': MANAGER,
  '/docker.swarmkit.v1.Control/CreateExtension': MANAGER,
  '/docker.swarmkit.v1.Control/CreateNetwork': MANAGER,
  '/docker.swarmkit.v1.Control/CreateResource': MANAGER,
  '/docker.swarmkit.v1.Control/CreateSecret': MANAGER,
  '/docker.swarmkit.v1.Control/CreateService': MANAGER,
  '/docker.swarmkit.v1.Control/CreateVolume': MANAGER,
  '/docker.swarmkit.v1.Control/GetCluster': MANAGER,
  '/docker.swarmkit.v1.Control/GetConfig': MANAGER,
  '/docker.swarmkit.v1.Control/GetExtension': MANAGER,
  '/docker.swarmkit.v1.Control/GetNetwork': MANAGER,
  '/docker.swarmkit.v1.Control/GetNode': MANAGER,
  '/docker.swarmkit.v1.Control/GetResource': MANAGER,
  '/docker.swarmkit.v1.Control/GetSecret': MANAGER,
  '/docker.swarmkit.v1.Control/GetService': MANAGER,
  '/docker.swarmkit.v1.Control/GetTask': MANAGER,
  '/docker.swarmkit.v1.Control/GetVolume': MANAGER,
  '/docker.swarmkit.v1.Control/ListClusters': MANAGER,
  '/docker.swarmkit.v1.Control/ListConfigs': MANAGER,
  '/docker.swarmkit.v1.Control/ListNetworks': MANAGER,
  '/docker.swarmkit.v1.Control/ListNodes': MANAGER,
  '/docker.swarmkit.v1.Control/ListResources': MANAGER,
  '/docker.swarmkit.v1.Control/ListSecrets': MANAGER,
  '/docker.swarmkit.v1.Control/ListServiceStatuses': MANAGER,
  '/docker.swarmkit.v1.Control/ListServices': MANAGER,
  '/docker.swarmkit.v1.Control/ListTasks': MANAGER,
  '/docker.swarmkit.v1.Control/ListVolumes': MANAGER,
  '/docker.swarmkit.v1.Control/RemoveConfig': MANAGER,
  '/docker.swarmkit.v1.Control/RemoveExtension': MANAGER,
  '/docker.swarmkit.v1.Control/RemoveNetwork': MANAGER,
  '/docker.swarmkit.v1.Control/RemoveNode': MANAGER,
  '/docker.swarmkit.v1.Control/RemoveResource': MANAGER,
  '/docker.swarmkit.v1.Control/RemoveSecret': MANAGER,
  '/docker.swarmkit.v1.Control/RemoveService': MANAGER,
  '/docker.swarmkit.v1.Control/RemoveTask': MANAGER,
  '/docker.swarmkit.v1.Control/RemoveVolume': MANAGER,
  '/docker.swarmkit.v1.Control/UpdateCluster': MANAGER,
  '/docker.swarmkit.v1.Control/UpdateConfig': MANAGER,
  '/docker.swarmkit.v1.Control/UpdateNode': MANAGER,
  '/docker.swarmkit.v1.Control/UpdateResource': MANAGER,
  '/docker.swarmkit.v1.Control/UpdateSecret': MANAGER,
  '/docker.swarmkit.v1.Control/UpdateService': MANAGER,
  '/docker.swarmkit.v1.Control/UpdateVolume': MANAGER,
  // Dispatcher
  '/docker.swarmkit.v1.Dispatcher/Assignments': ANY_NODE,
  '/docker.swarmkit.v1.Dispatcher/Heartbeat': ANY_NODE,
  '/docker.swarmkit.v1.Dispatcher/Session': ANY_NODE,
  '/docker.swarmkit.v1.Dispatcher/Tasks': ANY_NODE,
  '/docker.swarmkit.v1.Dispatcher/UpdateTaskStatus': ANY_NODE,
  '/docker.swarmkit.v1.Dispatcher/UpdateVolumeStatus': ANY_NODE,
  // Health
  '/docker.swarmkit.v1.Health/Check': MANAGER,
  // LogBroker
  '/docker.swarmkit.v1.LogBroker/ListenSubscriptions': ANY_NODE,
  '/docker.swarmkit.v1.LogBroker/PublishLogs': ANY_NODE,
  // Logs
  '/docker.swarmkit.v1.Logs/SubscribeLogs': MANAGER,
  // Raft
  '/docker.swarmkit.v1.Raft/ProcessRaftMessage': MANAGER,
  '/docker.swarmkit.v1.Raft/ResolveAddress': MANAGER,
  '/docker.swarmkit.v1.Raft/StreamRaftMessage': MANAGER,
  // RaftMembership
  '/docker.swarmkit.v1.RaftMembership/Join': MANAGER,
  '/docker.swarmkit.v1.RaftMembership/Leave': MANAGER,
  // ResourceAllocator
  '/docker.swarmkit.v1.ResourceAllocator/AttachNetwork': ANY_NODE,
  '/docker.swarmkit.v1.ResourceAllocator/DetachNetwork': ANY_NODE,
  // Watch
  '/docker.swarmkit.v1.Watch/Watch': MANAGER,
};

/** Roles of a method, or undefined when the path is none of SwarmKit's. */
export function rolesOf(path: string): MethodRoles | undefined {
  return Object.hasOwn(METHOD_ROLES, path) ? METHOD_ROLES[path] : undefined;
}
