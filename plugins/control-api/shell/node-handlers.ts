import { X509Certificate } from 'node:crypto';
import type { Node } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { existing } from '../core/existing.js';
import { listNodes } from '../core/lists.js';
import { withManagerStatus } from '../core/membership.js';
import { removeNode, updateNode } from '../core/nodes.js';
import type { Control, ControlHandlers } from './control.js';

export const nodeHandlers = (control: Control): ControlHandlers => ({
  getNode: {
    unary: ({ nodeId }) => ({
      node: withManagerStatus(existing(control.view(), 'node', nodeId), control.membership()),
    }),
  },
  listNodes: {
    unary: (request) => {
      const membership = control.membership();
      const nodes = listNodes(control.view(), request);
      return { nodes: nodes.map((node) => withManagerStatus(node, membership)) };
    },
  },
  updateNode: {
    unary: async (request) => {
      const membership = control.membership();
      const node = await control.write((context) => updateNode(context, request, membership));
      return { node: withManagerStatus(node, membership) };
    },
  },
  removeNode: {
    unary: async (request) => {
      await control.write((context) =>
        removeNode(context, request, control.membership(), certificateExpiry),
      );
      return {};
    },
  },
});

/** Wall clock, ms; undefined without a certificate, or with one that nobody can read. */
function certificateExpiry({ certificate }: Node): number | undefined {
  if (certificate === undefined || certificate.certificate.length === 0) return undefined;
  try {
    const expiresAt = Date.parse(new X509Certificate(certificate.certificate).validTo);
    return Number.isNaN(expiresAt) ? undefined : expiresAt;
  } catch {
    // Then it is refused for good.
    return undefined;
  }
}
