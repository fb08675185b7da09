/** What a node's status and availability mean for the tasks on it. */
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeStatus_State } from '@swarmkit/sdk/wire/gen/swarmkit/types';

const isDown = (node: Node): boolean => node.status?.state === NodeStatus_State.DOWN;

export const isDraining = (node: Node | undefined): boolean =>
  node?.spec?.availability === NodeSpec_Availability.DRAIN;

export const isPaused = (node: Node): boolean =>
  node.spec?.availability === NodeSpec_Availability.PAUSE;

/** Its tasks may stay. UNKNOWN, DISCONNECTED and PAUSE are no reason to move anything. */
export const isUsable = (node: Node | undefined): node is Node =>
  node !== undefined && !isDown(node) && !isDraining(node);

/** Nothing can be running there any more, as far as anyone will ever learn. */
export const isGone = (node: Node | undefined): boolean => node === undefined || isDown(node);
