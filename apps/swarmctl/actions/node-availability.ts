import { UpdateNodeRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { NodeSpec, NodeSpec_Availability } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { eachOf } from '../each-of.js';
import { findNode } from '../find.js';
import type { Session } from '../session.js';
import { retryOutOfSequence } from './sequence.js';

export const setAvailability = (
  session: Session,
  words: readonly string[],
  wanted: 'ACTIVE' | 'PAUSE' | 'DRAIN',
): Promise<void> =>
  eachOf(words, async (word) => {
    await retryOutOfSequence(async () => {
      const found = await findNode(session.control, word);
      await session.control.updateNode(
        UpdateNodeRequest.create({
          nodeId: found.id,
          nodeVersion: found.meta?.version,
          spec: {
            ...(found.spec ?? NodeSpec.create()),
            availability: NodeSpec_Availability[wanted],
          },
        }),
      );
    });
    session.say(word);
  });
