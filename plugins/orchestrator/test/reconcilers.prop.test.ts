/** What the contract asks of every stage. */
import { reconcilerProperties } from '@swarmkit/sdk/testkit/reconciler-properties';
import { ConstraintEnforcer } from '../shell/constraint-enforcer.js';
import { Orchestrator } from '../shell/orchestrator.js';

reconcilerProperties('orchestrator', () => new Orchestrator());
reconcilerProperties('constraint enforcer', () => new ConstraintEnforcer());
