/** What the contract asks of every stage. */
import { reconcilerProperties } from '@swarmkit/sdk/testkit/reconciler-properties';
import { ConstraintEnforcer } from '../shell/constraint-enforcer.js';
import { Orchestrator } from '../shell/orchestrator.js';

reconcilerProperties('orchestrator', () => new Orchestrator(), { numRuns: 150 });
reconcilerProperties('constraint enforcer', () => new ConstraintEnforcer(), { numRuns: 150 });
