package org.splitmem.memory.faultpoint;

/** A moment between two steps that must not be lost sight of, whoever dies at it. In the order of a VM's way. */
public enum FaultPoint {
    // ---- the migration's source
    /** Every host has reserved; nothing is connected. */
    RESERVED,
    /** All connections are open, each page has its destination; write tracking is not armed. */
    PLANNED,
    /** A round is stored where it belongs; the destination does not know. */
    ROUND_SENT,
    /** The hypervisor may be asked. */
    READY,
    /** The destination's QEMU waits, and QEMU here leaves RAM out; the hypervisor has not begun. */
    RAM_LEFT_OUT,
    /** The hypervisor has begun; that the VM is leaving is not recorded. */
    SWITCHOVER,
    /** That the VM is leaving is recorded, and QEMU's exit is held. */
    LEAVING,
    /** The vCPUs have stopped; the last scan begins. */
    LAST_SCAN,
    /** One chunk's dirty set has been told. */
    TOLD_DIRTY,
    /** Every chunk's dirty set has been told, and QEMU may exit. */
    QEMU_RELEASED,
    /** Every page has been pushed. */
    PUSHED,
    /** The destination says that the guest runs there; that it has left is not recorded. */
    HANDOVER,
    /** That the VM has left is recorded; the destination does not know. */
    LEFT,
    /** The destination says that it has every page; they are not freed. */
    ARRIVED,
    /** A migration is given up; nobody was told. */
    GIVING_UP,
    /** A migration is given up that the hypervisor has not begun, and might yet begin. */
    HYPERVISOR_NOT_BEGUN,
    /** A migration is given up, and the hypervisor's is over; no other host was told. */
    HYPERVISOR_GAVE_UP,

    // ---- the migration's destination
    /** The VM is prepared; the source does not know yet. */
    EXPECTED,
    /** A placement is in the table. */
    PLACED,
    /** QEMU expects its stream without RAM. */
    QEMU_TOLD,
    /** A chunk's dirty set is in the table; the chunk is sealed. */
    CHUNK_TOLD,
    /** A chunk is open; its waiters sleep. */
    CHUNK_OPENED,
    /** A pushed page is claimed; its bytes are not in the file. */
    PUSH_CLAIMED,
    /** QEMU has the guest's whole state; the source does not know. */
    LOADED,
    /** The guest runs here; nobody was told, nothing recorded. */
    RUNNING,
    /** The guest runs here and the source was told; this host's ownership is not recorded. */
    RUNNING_TOLD,
    /** This host's ownership is recorded. */
    OWNED,
    /** A memory server obeys this owner only. */
    ADOPTED,
    /** Every page has come from the source; nothing of that is recorded or told. */
    WHOLE,

    // ---- paging
    /** A batch of pages is marked and zapped; the memory server does not have them. */
    PAGES_MARKED,
    /** The memory server has acknowledged a batch; its pages are not claimed for freeing. */
    PAGES_STORED,
    /** Pages are claimed for freeing, and still in the file. */
    PAGES_PUNCHING,
    /** Pages are freed; the table does not say so. */
    PAGES_PUNCHED,
    /** A page's bytes have come and are right; the table does not say so. */
    PAGE_ARRIVED,
    /** The table says that a page is here; it is not mapped, its waiters sleep. */
    PAGE_LOCAL,
    /** Pages are claimed in bulk; the memory server was not asked for them. */
    GATHER_CLAIMED,
    /** The bytes of pages that came in bulk are in the file; the table does not say so. */
    GATHER_STORED,
    /** The table says that pages which came in bulk are here; they are not mapped, and their memory server still has them. */
    GATHER_LOCAL,
    /** A memory server keeps pages that it has fetched from another one; the table names the other one. */
    MOVE_STORED,
    /** The table names the memory server that has fetched pages; the other one has them, too. */
    MOVE_STEPPED,
    /** Everything of a VM on this host is about to be freed. */
    FREEING,
    /** The record says that the VM is whole, and served by the kernel alone; its faults still come to the daemon. */
    UNPAGED,

    // ---- a split on the host where a VM is
    /** The record says which memory servers are about to be asked; none was. */
    SPLIT_NOTED,
    /** Every memory server has reserved; none obeys this owner. */
    SPLIT_RESERVED,
    /** Every memory server obeys this owner; the kernel alone serves the VM. */
    SPLIT_ADOPTED,
    /** The VM's faults come to the daemon; which pages it has is not in the table. */
    SPLIT_WATCHED,
    /** The table is true; the record says that the kernel alone serves the VM. */
    SPLIT_TABLED,
    /** The record says that the VM is paged; nothing keeps it within its budget. */
    SPLIT_RECORDED,
    /** A split failed; nothing is undone. */
    SPLIT_GIVEN_UP,

    // ---- other memory servers for a split VM
    /** The record says which memory servers are about to be asked; none was. */
    MOVE_NOTED,
    /** The new memory servers have reserved; none obeys this owner. */
    MOVE_RESERVED,
    /** The new memory servers obey this owner; the record says that they are about to be asked. */
    MOVE_ADOPTED,
    /** The record says which memory server is to be emptied; nothing has moved. */
    MOVE_RECORDED,
    /** It is noted that a memory server which is empty is to free what it lent; the record names it. */
    MOVE_RELEASED,

    // ---- a split of a VM that has not started yet
    /** It is recorded which memory servers are about to be asked; none was. */
    EXPECTED_NOTED,
    /** Every memory server has reserved; nobody was told. */
    EXPECTED_RESERVED,
    /** The VM is recorded as paged; that it is expected is recorded still. */
    EXPECTED_CAME,
    /** It is noted what is to be given back; that the VM is expected is recorded still. */
    EXPECTED_DROPPED,

    // ---- memory that the guest of a paged VM gives back
    /** Faults on the pages wait; QEMU is not told that it may free them. */
    GIVEN_CLAIMED,
    /** QEMU has freed what was here; the table does not say so. */
    GIVEN_FREED,
    /** The table says that a page is nowhere; its memory server still has it. */
    GIVEN_ZERO,

    // ---- the start of a VM that was split when it ended
    /** Its definition names the reservations that are about to be made; none was. */
    BIRTH_NOTED,
    /** Every memory server has reserved; none obeys this owner. */
    BIRTH_RESERVED,
    /** Every memory server obeys this owner; the VM is not recorded. */
    BIRTH_ADOPTED,
    /** The VM is recorded as paged; QEMU has no RAM yet. */
    BORN,

    // ---- the migration of a VM that is split
    /** The sub-hosts let the destination read; it is not prepared. */
    NEXT_OWNER_NAMED,
    /** The source has confirmed that the guest cannot come back; that the sub-hosts are the new owner's is not recorded. */
    SOURCE_CONFIRMED,
    /** The same is recorded; the sub-hosts still obey the source. */
    TAKEN_OVER,
    /** The destination has claimed pages that it reads ahead; the memory server was not asked for them. */
    AHEAD_CLAIMED,
    /** Their bytes are in the file; the table does not say so. */
    AHEAD_STORED,
    /** Nothing more is read ahead. */
    AHEAD_ENDED,

    /** Pages that were paged in during the migration are about to be given back; they are here. */
    RETURN_MARKED,
    /** A memory server has stored such pages as they are now; they are not claimed for freeing. */
    RETURN_STORED,
    /** Such pages are claimed for freeing, and still in the file. */
    RETURN_PUNCHING,
    /** They are freed; the table does not say so. */
    RETURN_PUNCHED,

    // ---- a migration of which the source's QEMU has ended
    /** Only the destination can say whether the guest is there, and it has not. */
    UNDECIDED,

    // ---- the journal of operations
    /** The journal says that an operation has begun; nothing of it was done. */
    OPERATION_NOTED,
    /** An operation is over; the journal says that it goes on. */
    OPERATION_OVER
}
