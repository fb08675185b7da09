import type { Handler } from '@swarmkit/sdk/contracts/rpc';
import type {
  ListenSubscriptionsRequest,
  SubscribeLogsRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import type { LogBroker } from './broker.js';

/** The wire's verbs on the broker's. */
export const logsHandlers = (broker: LogBroker): Readonly<Record<string, Handler>> => ({
  subscribeLogs: {
    serverStream: (request: SubscribeLogsRequest, call, send) =>
      broker.subscribe(request, call, send),
  },
});

export const brokerHandlers = (broker: LogBroker): Readonly<Record<string, Handler>> => ({
  listenSubscriptions: {
    serverStream: (_request: ListenSubscriptionsRequest, call, send) => broker.listen(call, send),
  },
  publishLogs: { clientStream: (requests, call) => broker.publish(requests, call) },
});
