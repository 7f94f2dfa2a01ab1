/** Which worker of which application reads which shard, and how far it is. */
import { session } from "../api/session";
import { Empty, Fault } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { Table } from "../ui/table";
import { listApplications, type Application } from "./leases";

export function LeasesPage() {
  const { has_services, is_gateway } = session().about;
  const { value, error } = usePolled(async () => (has_services ? listApplications() : []), 3000, "leases");
  return (
    <section>
      <header class="page-head"><h1>Leases</h1></header>
      <Fault error={error} />
      {!has_services && (
        <Empty>
          Applications of the KCL and of the client library keep their leases in DynamoDB, and this server has none: it
          comes {!is_gateway && <>with <code>pip install 'headwater[aws]'</code>, or </>}from elsewhere by <code>--forward-to</code>.
        </Empty>
      )}
      {has_services && value?.length === 0 && <Empty>No table of the neighbouring DynamoDB holds leases.</Empty>}
      {value?.map((application) => <Leases key={application.table} application={application} />)}
    </section>
  );
}

function Leases({ application: { table, leases } }: { application: Application }) {
  const owners = new Set(leases.map((lease) => lease.owner).filter(Boolean));
  return (
    <>
      <h2>{table} <small class="dim">{leases.length} leases, {owners.size} workers</small></h2>
      <Table
        label={`Leases of ${table}`} rows={leases} keyOf={(lease) => lease.key} empty="It has no lease yet."
        columns={[
          { name: "Shard", width: "", order: (lease) => lease.key, cell: (lease) => <code>{lease.key}</code> },
          { name: "Worker", width: "", order: (lease) => lease.owner, cell: (lease) => lease.owner || <span class="dim">nobody</span> },
          { name: "Checkpoint", width: "", cell: (lease) => <code class="wraps">{lease.checkpoint || "–"}</code> },
          { name: "Counter", width: "", numeric: true, minor: true, order: (lease) => Number(lease.counter), cell: (lease) => lease.counter },
        ]}
      />
    </>
  );
}
