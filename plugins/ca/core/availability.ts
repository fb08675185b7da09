import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';

/** How a node takes part from its first moment on. */
export type Availability = NodeSpec_Availability;

const NAMES = {
  active: NodeSpec_Availability.ACTIVE,
  pause: NodeSpec_Availability.PAUSE,
  drain: NodeSpec_Availability.DRAIN,
} as const;

export type AvailabilityName = keyof typeof NAMES;

export const availabilityOf = (name: AvailabilityName): Availability => NAMES[name];
