import { contains, parseCidr, parseIp } from '@swarmkit/sdk/model/ip-address';
import type { NetworkSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { IPAMConfig } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { forbidden, invalid, unsupported } from '../refusals.js';
import { validateAnnotations } from './annotations.js';

/** Marks networks that every machine has: `bridge` and `host`. */
export const predefinedLabel = 'com.docker.swarm.predefined';

export function validateNetwork(spec: NetworkSpec): void {
  if (spec.ingress && spec.attachable) throw invalid('ingress network cannot be attachable');
  validateAnnotations(spec.annotations);
  if (Object.hasOwn(spec.annotations?.labels ?? {}, predefinedLabel))
    throw forbidden(
      `label ${predefinedLabel} is for internally created predefined networks and cannot be applied by users`,
    );
  validateDriver(spec);
  for (const config of spec.ipam?.configs ?? []) validatePool(config);
}

function validateDriver({ driverConfig, ingress }: NetworkSpec): void {
  if (driverConfig === undefined) return;
  if (driverConfig.name === '')
    throw invalid('driver name: if driver is specified name is required');
  if (ingress && driverConfig.name !== 'overlay')
    throw unsupported('only overlay driver is currently supported for ingress network');
}

function validatePool({
  subnet: subnetText,
  range: rangeText,
  gateway: gatewayText,
}: IPAMConfig): void {
  const subnet = parseCidr(subnetText);
  if (subnet === undefined) throw invalid(`ipam configuration: invalid subnet ${subnetText}`);
  if (rangeText !== '') {
    const range = parseCidr(rangeText);
    if (range === undefined) throw invalid(`ipam configuration: invalid range ${rangeText}`);
    if (!contains(subnet, range.address))
      throw invalid(`ipam configuration: subnet ${subnetText} does not contain range ${rangeText}`);
  }
  if (gatewayText !== '') {
    const gateway = parseIp(gatewayText);
    if (gateway === undefined) throw invalid(`ipam configuration: invalid gateway ${gatewayText}`);
    if (!contains(subnet, gateway))
      throw invalid(
        `ipam configuration: subnet ${subnetText} does not contain gateway ${gatewayText}`,
      );
  }
}
