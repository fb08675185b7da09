import { existing } from '../core/existing.js';
import { listVolumes } from '../core/lists.js';
import { createVolume, removeVolume, updateVolume } from '../core/volumes.js';
import type { Control, ControlHandlers } from './control.js';

export const volumeHandlers = (control: Control): ControlHandlers => ({
  getVolume: {
    unary: ({ volumeId }) => ({ volume: existing(control.view(), 'volume', volumeId) }),
  },
  listVolumes: { unary: (request) => ({ volumes: listVolumes(control.view(), request) }) },
  createVolume: {
    unary: async (request) => ({
      volume: await control.write((context) => createVolume(context, request)),
    }),
  },
  updateVolume: {
    unary: async (request) => ({
      volume: await control.write((context) => updateVolume(context, request)),
    }),
  },
  removeVolume: {
    unary: async (request) => {
      await control.write((context) => removeVolume(context, request));
      return {};
    },
  },
});
