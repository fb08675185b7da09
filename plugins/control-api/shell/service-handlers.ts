import { existing } from '../core/existing.js';
import { listServices } from '../core/lists.js';
import { withDefaults } from '../core/service-defaults.js';
import { serviceStatus } from '../core/service-statuses.js';
import { createService, removeService, updateService } from '../core/services.js';
import type { Control, ControlHandlers } from './control.js';

export const serviceHandlers = (control: Control): ControlHandlers => ({
  getService: {
    unary: ({ serviceId, insertDefaults }) => {
      const service = existing(control.view(), 'service', serviceId);
      return { service: insertDefaults ? withDefaults(service) : service };
    },
  },
  listServices: { unary: (request) => ({ services: listServices(control.view(), request) }) },
  listServiceStatuses: {
    unary: ({ services }) => ({
      statuses: services.map((id) => serviceStatus(control.view(), id)),
    }),
  },
  createService: {
    unary: async (request) => ({
      service: await control.write((context) => createService(context, request)),
    }),
  },
  updateService: {
    unary: async (request) => ({
      service: await control.write((context) => updateService(context, request)),
    }),
  },
  removeService: {
    unary: async (request) => {
      await control.write((context) => removeService(context, request));
      return {};
    },
  },
});
