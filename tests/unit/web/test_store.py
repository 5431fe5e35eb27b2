"""Jobs in memory and on disk, with a clock of the test."""

import errno
import json

import pytest

from formats.atomic_file import OutputError
from inputs.recordings import Recording
from sending.outcome import Answer
from web.http.problems import ProblemError
from web.jobs.store import Job, JobStore, State
from web.jobs.work_folder import ANSWER, WorkFolder, WorkFolderError

KEEP_S = 100


@pytest.fixture
def folder(tmp_path):
    with_lock = WorkFolder(tmp_path / "work")
    yield with_lock
    with_lock.close()


@pytest.fixture
def store(folder, clock):
    return JobStore(folder, KEEP_S, clock)


@pytest.fixture
def add(store, folder, clock):
    """A function that adds a job of an upload."""

    def made(transient=False):
        path = folder.uploads / "upload"
        path.write_bytes(b"RIFF")
        job = Job(
            recording_id="call",
            options={"mode": "full"},
            n_bytes=4,
            audio_s=1.0,
            media_type="audio/wav",
            created_s=clock(),
            transient=transient,
        )
        store.add(job, path)
        return job

    return made


def answer():
    rttm = b"SPEAKER call 1 0.000 1.000 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
    return Answer(Recording("call", None), rttm, {"audio_s": 2.5, "mode": "full"}, 1.0, [0.5])


def test_a_job_is_found_until_it_expires(store, add, clock):
    job = add()
    clock.now_s += 10 * KEEP_S  # a job in progress does not expire
    store.begin(job)
    store.done(job, answer())
    clock.now_s += KEEP_S - 1
    assert store.find(job.id) is job
    clock.now_s += 1

    with pytest.raises(ProblemError) as gone:
        store.find(job.id)

    assert gone.value.status == 404
    assert not store.audio(job).exists()


def test_a_correction_postpones_the_expiry(store, add, clock):
    job = add()
    store.begin(job)
    store.done(job, answer())
    clock.now_s += KEEP_S - 1
    store.correct(job, store.result(job).original)
    clock.now_s += KEEP_S - 1
    assert store.find(job.id) is job
    clock.now_s += 1

    with pytest.raises(ProblemError):
        store.find(job.id)


def test_a_removed_job_cannot_be_corrected(store, add):
    job = add()
    store.done(job, answer())
    original = store.result(job).original
    store.remove(job)

    with pytest.raises(ProblemError) as gone:
        store.correct(job, original)

    assert gone.value.status == 404


def test_no_file_is_written_for_a_job_while_it_is_removed(store, add, folder, monkeypatch):
    job = add()
    tries = []

    def removing(path, **_):
        with pytest.raises(OutputError):
            folder.write(job.id, ANSWER, b"")
        tries.append(path)

    monkeypatch.setattr("web.jobs.work_folder.shutil.rmtree", removing)
    store.remove(job)

    assert len(tries) == 1


def full_disk(*_):
    raise OutputError("cannot write") from OSError(errno.ENOSPC, "no space")


def test_an_upload_leaves_no_files_on_a_full_disk(store, add, folder, monkeypatch):
    monkeypatch.setattr(folder, "write", full_disk)

    with pytest.raises(OutputError):
        add()

    assert list((folder.uploads.parent / "jobs").iterdir()) == []
    assert store.counts() == {}


def test_a_job_ends_even_on_a_full_disk(store, add, folder, monkeypatch):
    job = add()
    monkeypatch.setattr(folder, "write", full_disk)

    store.end(job, State.CANCELLED)

    assert job.ended.done()
    assert store.find(job.id).state == State.CANCELLED


def test_jobs_are_read_from_disk(store, add, folder, clock):
    done, waiting = add(), add()
    store.begin(done)
    store.done(done, answer())
    other = JobStore(folder, KEEP_S, clock)

    (again,) = other.load()

    assert (again.id, again.state, again.options) == (waiting.id, State.QUEUED, {"mode": "full"})
    found = other.find(done.id)
    assert (found.state, found.audio_s) == (State.DONE, 2.5)
    assert found.ended.done()
    assert other.result(found).text("rttm") == answer().rttm.decode()


def test_an_answer_without_doubt_is_read(store, add, folder):
    job = add()
    store.done(job, answer())
    stored = json.loads(folder.read(job.id, ANSWER))
    del stored["doubt"]
    folder.write(job.id, ANSWER, json.dumps(stored).encode())

    assert store.result(job).original.doubt is None


def test_jobs_are_queued_again_in_order_of_arrival(store, add, folder, clock):
    ids = []
    for _ in range(5):
        clock.now_s += 1
        ids.append(add().id)

    assert [job.id for job in JobStore(folder, KEEP_S, clock).load()] == ids


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        {"id": "../../somewhere"},
        {"created_s": "soon"},
        {"created_s": 1e300},
        {"ended_s": 5},
        {"state": "lost"},
        {"n_bytes": -1},
        {"options": {"mode": None}},
        {"problem": {"status": "bad"}},
        {"media_type": "audio/wav\r\nX: y"},
    ],
)
def test_only_the_job_with_a_damaged_record_is_removed(damage, store, add, folder, clock, caplog):
    whole, job = add(), add()
    record = store.audio(job).with_name("job.json")
    if isinstance(damage, dict):
        damage = json.dumps({**json.loads(record.read_bytes()), **damage}).encode()
    record.write_bytes(damage)

    assert [each.id for each in JobStore(folder, KEEP_S, clock).load()] == [whole.id]
    assert not record.parent.exists()
    assert "its record is missing or damaged" in caplog.text
    assert job.id not in caplog.text


def test_foreign_files_do_not_prevent_the_start(store, folder, clock):
    jobs = folder.uploads.parent / "jobs"
    (jobs / "a file").write_bytes(b"")
    (jobs / "job" / "job.json").mkdir(parents=True)

    assert JobStore(folder, KEEP_S, clock).load() == []
    assert list(jobs.iterdir()) == []


def test_a_job_that_ends_after_its_removal_leaves_no_files(store, add):
    job = add()
    ended = []
    store.on_end = ended.append
    store.remove(job)
    store.begin(job)

    store.done(job, answer())

    assert not store.audio(job).parent.exists()
    assert ended == [job]
    assert job.ended.done()


def test_bytes_and_states_are_counted(store, add):
    job, _ = add(), add()
    store.end(job, State.FAILED, ProblemError(422, "no"))

    assert store.stored_bytes() == 8
    assert store.counts() == {State.FAILED: 1, State.QUEUED: 1}


def test_a_folder_is_private_and_of_one_gateway(tmp_path, folder):
    with pytest.raises(WorkFolderError, match="another gateway"):
        WorkFolder(tmp_path / "work")
    (tmp_path / "link").symlink_to(tmp_path / "work")
    with pytest.raises(WorkFolderError, match="somebody else"):
        WorkFolder(tmp_path / "link")
