import { existing } from '../core/existing.js';
import { listTasks } from '../core/lists.js';
import { removeTask } from '../core/tasks.js';
import type { Control, ControlHandlers } from './control.js';

export const taskHandlers = (control: Control): ControlHandlers => ({
  getTask: { unary: ({ taskId }) => ({ task: existing(control.view(), 'task', taskId) }) },
  listTasks: { unary: (request) => ({ tasks: listTasks(control.view(), request) }) },
  removeTask: {
    unary: async (request) => {
      await control.write((context) => removeTask(context, request));
      return {};
    },
  },
});
