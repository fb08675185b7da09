import { existing } from '../core/existing.js';
import { listNetworks } from '../core/lists.js';
import { createNetwork, removeNetwork } from '../core/networks.js';
import type { Control, ControlHandlers } from './control.js';

export const networkHandlers = (control: Control): ControlHandlers => ({
  getNetwork: {
    unary: ({ networkId }) => ({ network: existing(control.view(), 'network', networkId) }),
  },
  listNetworks: { unary: (request) => ({ networks: listNetworks(control.view(), request) }) },
  createNetwork: {
    unary: async (request) => ({
      network: await control.write((context) => createNetwork(context, request)),
    }),
  },
  removeNetwork: {
    unary: async (request) => {
      await control.write((context) => removeNetwork(context, request));
      return {};
    },
  },
});
