import { redacted, updateCluster } from '../core/clusters.js';
import { existing } from '../core/existing.js';
import { listClusters } from '../core/lists.js';
import type { Control, ControlHandlers } from './control.js';

export const clusterHandlers = (control: Control): ControlHandlers => ({
  getCluster: {
    unary: ({ clusterId }) => ({
      cluster: redacted(existing(control.view(), 'cluster', clusterId)),
    }),
  },
  listClusters: {
    unary: (request) => ({ clusters: listClusters(control.view(), request).map(redacted) }),
  },
  updateCluster: {
    unary: async (request) => {
      const root = await control.changedRoot(request);
      return {
        cluster: redacted(await control.write((context) => updateCluster(context, request, root))),
      };
    },
  },
});
