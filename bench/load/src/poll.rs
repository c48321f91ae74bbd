//! Readiness of sockets and one pacing timer.

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Level-triggered epoll; each source has a key.
pub struct Poll {
    fd: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poll {
    /// Open an empty set.
    pub fn open() -> io::Result<Self> {
        let fd = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { fd, events: Vec::with_capacity(256) })
    }

    /// Watch a source for input.
    pub fn add(&self, source: impl AsFd, key: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(key);
        Ok(epoll::add(&self.fd, source, data, epoll::EventFlags::IN)?)
    }

    /// Watch a source for output too, or no longer.
    pub fn want_output(&self, source: impl AsFd, key: u64, output: bool) -> io::Result<()> {
        let mut flags = epoll::EventFlags::IN;
        if output {
            flags |= epoll::EventFlags::OUT;
        }
        let data = epoll::EventData::new_u64(key);
        Ok(epoll::modify(&self.fd, source, data, flags)?)
    }

    /// Wait at most a second; fill `ready` with the keys of ready sources.
    pub fn wait(&mut self, ready: &mut Vec<u64>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        let second = Timespec { tv_sec: 1, tv_nsec: 0 };
        match epoll::wait(&self.fd, spare_capacity(&mut self.events), Some(&second)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(fault) => return Err(fault.into()),
        }
        ready.extend(self.events.iter().map(|event| event.data.u64()));
        Ok(())
    }
}

/// A periodic timer whose expirations are counted by the kernel.
pub struct Pace {
    fd: OwnedFd,
}

impl Pace {
    /// Start to tick once per `interval_ns`.
    pub fn start(interval_ns: u64) -> io::Result<Self> {
        let fd = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        let span = Timespec {
            tv_sec: i64::try_from(interval_ns / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: (interval_ns % 1_000_000_000).try_into().unwrap_or(0),
        };
        let spec = Itimerspec { it_interval: span, it_value: span };
        timerfd_settime(&fd, TimerfdTimerFlags::empty(), &spec)?;
        Ok(Self { fd })
    }

    /// Take the expirations since the last look.
    pub fn take(&self) -> io::Result<u64> {
        let mut count = [0_u8; 8];
        match rustix::io::read(&self.fd, &mut count) {
            Ok(_) => Ok(u64::from_ne_bytes(count)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The descriptor to watch.
    pub fn source(&self) -> impl AsFd {
        &self.fd
    }
}
