import type { Handler } from '@swarmkit/sdk/contracts/rpc';
import type {
  AssignmentsRequest,
  HeartbeatRequest,
  SessionRequest,
  TasksRequest,
  UpdateTaskStatusRequest,
  UpdateVolumeStatusRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/dispatcher';
import type { Dispatcher } from './dispatcher.js';

/** The wire's verbs on the dispatcher's. Who calls is the certificate's node id and nothing in the request. */
export const dispatcherHandlers = (dispatcher: Dispatcher): Readonly<Record<string, Handler>> => ({
  session: {
    serverStream: (request: SessionRequest, call, send) =>
      dispatcher.session(call, request.description, request.sessionId, send),
  },
  heartbeat: {
    unary: (request: HeartbeatRequest, call) =>
      dispatcher.heartbeat(call.peer.nodeId, request.sessionId),
  },
  assignments: {
    serverStream: (request: AssignmentsRequest, call, send) =>
      dispatcher.assignments(call, request.sessionId, send),
  },
  tasks: {
    serverStream: (request: TasksRequest, call, send) =>
      dispatcher.tasks(call, request.sessionId, send),
  },
  updateTaskStatus: {
    unary: (request: UpdateTaskStatusRequest, call) =>
      dispatcher.updateTaskStatus(call.peer.nodeId, request.sessionId, request.updates),
  },
  updateVolumeStatus: {
    unary: (request: UpdateVolumeStatusRequest, call) =>
      dispatcher.updateVolumeStatus(call.peer.nodeId, request.sessionId, request.updates),
  },
});
