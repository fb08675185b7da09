/** What can be said of a service spec by itself, checked in SwarmKit's order: the first error is the answer. */
import { parseConstraints } from '@swarmkit/sdk/model/constraint';
import { labelProblem } from '@swarmkit/sdk/model/service-label';
import { type ServiceSpec, TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { invalid, missingArgument } from './refusals.js';
import { validateAnnotations } from './validate/annotations.js';
import { validateEndpoint } from './validate/endpoint.js';
import { validateMode } from './validate/mode.js';
import { validateReferences } from './validate/references.js';
import { validateResources } from './validate/resources.js';
import { validateRuntime } from './validate/runtime.js';
import { validateRestart, validateUpdateConfig } from './validate/update-config.js';

export function validateService(spec: ServiceSpec | undefined): asserts spec is ServiceSpec {
  if (spec === undefined) throw missingArgument();
  validateAnnotations(spec.annotations);
  validateTask(spec.task ?? TaskSpec.create());
  validateMode(spec);
  validateUpdateConfig(spec.update);
  validateEndpoint(spec.endpoint);
  const label = labelProblem(spec.annotations);
  if (label !== undefined) throw invalid(label);
}

function validateTask(task: TaskSpec): void {
  validateResources(task.resources);
  validateRestart(task.restart);
  parseConstraints(task.placement?.constraints ?? []);
  if (task.runtime?.$case === 'container') validateReferences(task.runtime.value);
  validateRuntime(task);
}
