/** The network through which ports are published on every node, and who needs it. */
import type { NetworkSpec, ServiceSpec } from '../wire/gen/swarmkit/specs.js';
import { type PortConfig, PortConfig_PublishMode } from '../wire/gen/swarmkit/types.js';

/** Also the way in which old clusters marked theirs. */
export const isIngressNetwork = ({ spec }: { readonly spec: NetworkSpec | undefined }): boolean =>
  spec !== undefined &&
  (spec.ingress ||
    (spec.annotations?.name === 'ingress' &&
      Object.hasOwn(spec.annotations.labels, 'com.docker.swarm.internal')));

export const isIngressPort = ({ publishMode }: PortConfig): boolean =>
  publishMode === PortConfig_PublishMode.INGRESS;

/** Publishes a port on every node. */
export const needsIngress = (spec: ServiceSpec | undefined): boolean =>
  spec?.endpoint?.ports.some(isIngressPort) ?? false;
