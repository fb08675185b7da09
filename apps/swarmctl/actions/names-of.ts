import type { ControlClient } from '@swarmkit/sdk/client/control';
import {
  ListNodesRequest,
  ListServicesRequest,
  ListTasksRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { hostnameOf } from '../find.js';

/** Somebody waits at the keyboard. */
const options = { timeoutMs: 1_000 };

/** What completion offers: names where people use names, else ids. */
export async function namesOf(
  control: ControlClient,
  kind: 'service' | 'node' | 'task',
): Promise<readonly string[]> {
  switch (kind) {
    case 'service': {
      const { services } = await control.listServices(ListServicesRequest.create(), options);
      return services.map((one) => one.spec?.annotations?.name || one.id);
    }
    case 'node': {
      const { nodes } = await control.listNodes(ListNodesRequest.create(), options);
      return nodes.map((one) => hostnameOf(one) || one.id);
    }
    case 'task': {
      const { tasks } = await control.listTasks(ListTasksRequest.create(), options);
      return tasks.map(({ id }) => id);
    }
  }
}
