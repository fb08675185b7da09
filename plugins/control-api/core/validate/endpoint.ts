import {
  type EndpointSpec,
  EndpointSpec_ResolutionMode,
} from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { PortConfig_PublishMode } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { invalid } from '../refusals.js';

export function validateEndpoint(endpoint: EndpointSpec | undefined): void {
  if (endpoint === undefined) return;
  const published = new Set<string>();
  for (const port of endpoint.ports) {
    // The routing mesh leads to a virtual IP, which this mode does without.
    if (
      port.publishMode === PortConfig_PublishMode.INGRESS &&
      endpoint.mode === EndpointSpec_ResolutionMode.DNSRR
    )
      throw invalid("EndpointSpec: port published with ingress mode can't be used with dnsrr mode");
    if (port.publishedPort === 0) continue;
    const key = `${port.protocol}/${port.publishedPort}`;
    if (published.has(key)) throw invalid('EndpointSpec: duplicate published ports provided');
    published.add(key);
  }
}
