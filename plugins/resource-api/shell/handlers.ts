import type { Handler } from '@swarmkit/sdk/contracts/rpc';
import type { Store, Writer } from '@swarmkit/sdk/contracts/store';
import type { Env } from '@swarmkit/sdk/plugin/env';
import {
  type AttachNetworkRequest,
  AttachNetworkResponse,
  type DetachNetworkRequest,
  DetachNetworkResponse,
} from '@swarmkit/sdk/wire/gen/swarmkit/resource';
import { attachNetwork, detachNetwork } from '../core/attachments.js';

const writer: Writer = { id: 'resource-api', writes: ['task.attachment'] };

/** Who calls is the certificate's node id and nothing in the request. */
export const resourceHandlers = (store: Store, env: Env): Readonly<Record<string, Handler>> => ({
  attachNetwork: {
    unary: async (request: AttachNetworkRequest, { peer: { nodeId } }) => {
      const attachmentId = await store.update(writer, (draft) =>
        attachNetwork({ draft, nodeId }, request, env.clock.now(), env.id()),
      );
      return AttachNetworkResponse.create({ attachmentId });
    },
  },
  detachNetwork: {
    unary: async (request: DetachNetworkRequest, { peer: { nodeId } }) => {
      await store.update(writer, (draft) => detachNetwork({ draft, nodeId }, request));
      return DetachNetworkResponse.create();
    },
  },
});
