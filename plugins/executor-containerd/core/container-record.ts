/**
 * What a container's own record keeps for whoever adopts it: how it is stopped and how its health is
 * judged, which image and task together decided. It travels as annotations of the OCI specification.
 */
import type { HealthPlan } from './health.js';
import type { OciProcess, OciSpec } from './oci-types.js';

export interface ContainerRecord {
  readonly process: OciProcess;
  readonly stopSignal: number;
  readonly health: HealthPlan | undefined;
}

const STOP_SIGNAL = 'io.swarmkit.stop-signal';
const HEALTH = 'io.swarmkit.health';

export const withRecord = (
  spec: OciSpec,
  record: Pick<ContainerRecord, 'stopSignal' | 'health'>,
): OciSpec => ({
  ...spec,
  annotations: {
    ...spec.annotations,
    [STOP_SIGNAL]: String(record.stopSignal),
    ...(record.health === undefined ? {} : { [HEALTH]: JSON.stringify(record.health) }),
  },
});

/** From the JSON that `serializeSpec` wrote. */
export function readRecord(json: string): ContainerRecord {
  const spec = JSON.parse(json) as OciSpec;
  const health = spec.annotations?.[HEALTH];
  return {
    process: spec.process,
    stopSignal: Number(spec.annotations?.[STOP_SIGNAL] ?? 15),
    health: health === undefined ? undefined : (JSON.parse(health) as HealthPlan),
  };
}
