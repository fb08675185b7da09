import { RemoveNodeRequest, UpdateNodeRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Annotations } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { NodeSpec, NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { NodeRole } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { eachOf } from '../each-of.js';
import { findNode } from '../find.js';
import type { Session } from '../session.js';
import { oneOf, pairs, usage } from '../spec/units.js';
import { retryOutOfSequence } from './sequence.js';

export interface NodeFlags {
  readonly labelAdd?: readonly string[];
  readonly labelRm?: readonly string[];
  readonly availability?: string;
}

const availabilities = {
  active: NodeSpec_Availability.ACTIVE,
  pause: NodeSpec_Availability.PAUSE,
  drain: NodeSpec_Availability.DRAIN,
} as const;

export function updateNodes(
  session: Session,
  words: readonly string[],
  flags: NodeFlags,
): Promise<void> {
  if (Object.keys(flags).length === 0)
    throw usage('node update needs something to change; see swarmctl node update --help');
  const added = pairs('--label-add', flags.labelAdd ?? []);
  const removed = new Set(flags.labelRm);
  const availability =
    flags.availability && oneOf('--availability', availabilities, flags.availability);
  return eachNode(session, words, (spec) => {
    const annotations = spec.annotations ?? Annotations.create();
    const kept = Object.entries(annotations.labels).filter(([key]) => !removed.has(key));
    const labels = { ...Object.fromEntries(kept), ...added };
    return {
      ...spec,
      annotations: { ...annotations, labels },
      ...(availability !== undefined && availability !== '' && { availability }),
    };
  });
}

export const setAvailability = (
  session: Session,
  words: readonly string[],
  availability: keyof typeof availabilities,
): Promise<void> =>
  eachNode(session, words, (spec) => ({ ...spec, availability: availabilities[availability] }));

/** The managers do the rest: the node hears of it and renews its certificate. */
export const setRole = (
  session: Session,
  words: readonly string[],
  role: 'MANAGER' | 'WORKER',
): Promise<void> => eachNode(session, words, (spec) => ({ ...spec, desiredRole: NodeRole[role] }));

export const removeNodes = (
  session: Session,
  words: readonly string[],
  { force }: { readonly force?: boolean },
): Promise<void> =>
  eachOf(words, async (word) => {
    const { id } = await findNode(session.control, word);
    await session.control.removeNode(
      RemoveNodeRequest.create({ nodeId: id, force: force === true }),
    );
    session.say(word);
  });

const eachNode = (
  session: Session,
  words: readonly string[],
  change: (spec: NodeSpec) => NodeSpec,
): Promise<void> =>
  eachOf(words, async (word) => {
    await retryOutOfSequence(async () => {
      const found = await findNode(session.control, word);
      await session.control.updateNode(
        UpdateNodeRequest.create({
          nodeId: found.id,
          nodeVersion: found.meta?.version,
          spec: change(found.spec ?? NodeSpec.create()),
        }),
      );
    });
    session.say(word);
  });
