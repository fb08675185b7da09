/**
 * Messages that SwarmKit's structs hold by value: it writes them always, empty or not, where others leave an
 * empty one out. An object that enters our store gets them too; so one and the same object is the same bytes on
 * every manager, whoever made it. A list of what SwarmKit's definitions mark as `nullable = false`.
 */
import type { ObjectKind, Objects } from '../contracts/store.js';
import { Duration } from '../wire/gen/google/protobuf/duration.js';
import {
  ClusterSpec,
  ConfigSpec,
  NetworkSpec,
  NodeSpec,
  SecretSpec,
  ServiceSpec,
  TaskSpec,
} from '../wire/gen/swarmkit/specs.js';
import {
  AcceptancePolicy,
  Annotations,
  CAConfig,
  DispatcherConfig,
  EncryptionConfig,
  OrchestrationConfig,
  RaftConfig,
  TaskDefaults,
  type UpdateConfig,
} from '../wire/gen/swarmkit/types.js';

/** The same object where nothing was missing. */
export function withEmbedded<K extends ObjectKind>(kind: K, object: Objects[K]): Objects[K] {
  const complete = rules[kind] as ((object: Objects[K]) => Objects[K]) | undefined;
  return complete === undefined ? object : complete(object);
}

const rules: { readonly [K in ObjectKind]?: (object: Objects[K]) => Objects[K] } = {
  service: (service) =>
    filled(service, {
      spec: serviceSpec(service.spec ?? ServiceSpec.create()),
      previousSpec: service.previousSpec && serviceSpec(service.previousSpec),
    }),
  node: (node) => filled(node, { spec: annotated(node.spec ?? NodeSpec.create()) }),
  network: (network) => filled(network, { spec: annotated(network.spec ?? NetworkSpec.create()) }),
  secret: (secret) => filled(secret, { spec: annotated(secret.spec ?? SecretSpec.create()) }),
  config: (config) => filled(config, { spec: annotated(config.spec ?? ConfigSpec.create()) }),
  cluster: (cluster) =>
    filled(cluster, { spec: clusterSpec(cluster.spec ?? ClusterSpec.create()) }),
  extension: annotated,
  resource: annotated,
};

const serviceSpec = (spec: ServiceSpec): ServiceSpec =>
  filled(annotated(spec), {
    task: spec.task ?? TaskSpec.create(),
    update: spec.update && updateConfig(spec.update),
    rollback: spec.rollback && updateConfig(spec.rollback),
  });

const updateConfig = (config: UpdateConfig): UpdateConfig =>
  filled(config, { delay: config.delay ?? Duration.create() });

const clusterSpec = (spec: ClusterSpec): ClusterSpec =>
  filled(annotated(spec), {
    acceptancePolicy: spec.acceptancePolicy ?? AcceptancePolicy.create(),
    orchestration: spec.orchestration ?? OrchestrationConfig.create(),
    raft: spec.raft ?? RaftConfig.create(),
    dispatcher: spec.dispatcher ?? DispatcherConfig.create(),
    caConfig: spec.caConfig ?? CAConfig.create(),
    taskDefaults: spec.taskDefaults ?? TaskDefaults.create(),
    encryptionConfig: spec.encryptionConfig ?? EncryptionConfig.create(),
  });

function annotated<T extends { readonly annotations: Annotations | undefined }>(object: T): T {
  return object.annotations === undefined
    ? { ...object, annotations: Annotations.create() }
    : object;
}

function filled<T extends object>(object: T, parts: Partial<T>): T {
  const keys = Object.keys(parts) as (keyof T)[];
  return keys.every((key) => object[key] === parts[key]) ? object : { ...object, ...parts };
}
