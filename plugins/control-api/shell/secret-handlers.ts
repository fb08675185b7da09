import { listSecrets } from '../core/lists.js';
import {
  createSecret,
  getSecret,
  removeSecret,
  updateSecret,
  withoutData,
} from '../core/secrets.js';
import type { Control, ControlHandlers } from './control.js';

export const secretHandlers = (control: Control): ControlHandlers => ({
  getSecret: { unary: ({ secretId }) => ({ secret: getSecret(control.view(), secretId) }) },
  listSecrets: {
    unary: (request) => ({ secrets: listSecrets(control.view(), request).map(withoutData) }),
  },
  createSecret: {
    unary: async (request) => ({
      secret: await control.write((context) => createSecret(context, request)),
    }),
  },
  updateSecret: {
    unary: async (request) => ({
      secret: await control.write((context) => updateSecret(context, request)),
    }),
  },
  removeSecret: {
    unary: async (request) => {
      await control.write((context) => removeSecret(context, request));
      return {};
    },
  },
});
