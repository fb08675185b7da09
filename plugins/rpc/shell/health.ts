import type { Exposure, MountedService, UnaryHandler } from '@swarmkit/sdk/contracts/rpc';
import { SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  type HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Serving,
  HealthService,
} from '@swarmkit/sdk/wire/gen/swarmkit/health';

/** What can be asked about on each endpoint, and the service that stands for it. */
const SUBJECTS: { readonly [E in Exposure]: { readonly [name: string]: string } } = {
  control: { ControlAPI: 'docker.swarmkit.v1.Control' },
  remote: { Raft: 'docker.swarmkit.v1.Raft' },
};

/** Peers ask for `Raft` before they add a member, local tools for `ControlAPI`. Serving means mounted. */
export function healthService(
  isMounted: (exposure: Exposure, service: string) => boolean,
): MountedService {
  const check: UnaryHandler['unary'] = (request: HealthCheckRequest, { exposure }) => {
    if (request.service === '') return HealthCheckResponse.create({ status: Serving.SERVING });
    const service = SUBJECTS[exposure][request.service];
    if (service === undefined)
      throw new SwarmError('not-found', 'RPC_HEALTH_UNKNOWN', 'unknown service');
    return HealthCheckResponse.create({
      status: isMounted(exposure, service) ? Serving.SERVING : Serving.NOT_SERVING,
    });
  };
  return {
    definition: HealthService,
    expose: ['control', 'remote'],
    handlers: { check: { unary: check } },
  };
}
