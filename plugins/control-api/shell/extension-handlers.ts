import { existing } from '../core/existing.js';
import {
  createExtension,
  createResource,
  removeExtension,
  removeResource,
  updateResource,
} from '../core/extensions.js';
import { listResources } from '../core/lists.js';
import type { Control, ControlHandlers } from './control.js';

export const extensionHandlers = (control: Control): ControlHandlers => ({
  getExtension: {
    unary: ({ extensionId }) => ({
      extension: existing(control.view(), 'extension', extensionId),
    }),
  },
  createExtension: {
    unary: async (request) => ({
      extension: await control.write((context) => createExtension(context, request)),
    }),
  },
  removeExtension: {
    unary: async (request) => {
      await control.write((context) => removeExtension(context, request));
      return {};
    },
  },
  getResource: {
    unary: ({ resourceId }) => ({ resource: existing(control.view(), 'resource', resourceId) }),
  },
  listResources: { unary: (request) => ({ resources: listResources(control.view(), request) }) },
  createResource: {
    unary: async (request) => ({
      resource: await control.write((context) => createResource(context, request)),
    }),
  },
  updateResource: {
    unary: async (request) => ({
      resource: await control.write((context) => updateResource(context, request)),
    }),
  },
  removeResource: {
    unary: async (request) => {
      await control.write((context) => removeResource(context, request));
      return {};
    },
  },
});
