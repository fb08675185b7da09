import { listConfigs } from '../core/lists.js';
import { createConfig, getConfig, removeConfig, updateConfig } from '../core/configs.js';
import type { Control, ControlHandlers } from './control.js';

export const configHandlers = (control: Control): ControlHandlers => ({
  getConfig: { unary: ({ configId }) => ({ config: getConfig(control.view(), configId) }) },
  listConfigs: {
    unary: (request) => ({ configs: listConfigs(control.view(), request) }),
  },
  createConfig: {
    unary: async (request) => ({
      config: await control.write((context) => createConfig(context, request)),
    }),
  },
  updateConfig: {
    unary: async (request) => ({
      config: await control.write((context) => updateConfig(context, request)),
    }),
  },
  removeConfig: {
    unary: async (request) => {
      await control.write((context) => removeConfig(context, request));
      return {};
    },
  },
});
