#include "dns/ares_channel_loop.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace smtpguard::dns {

void AsioLoop::post(Task task) {
  boost::asio::post(io_, std::move(task));
}

void AsioLoop::call_after(Milliseconds delay, Task task) {
  const auto timer = timers_->emplace(timers_->end(), io_.get_executor());
  timer->expires_after(delay);
  timer->async_wait([weak = std::weak_ptr(timers_), timer,
                     task = std::move(task)](boost::system::error_code /*cancelled: all is over*/) {
    const auto timers = weak.lock();
    if (timers == nullptr) {
      return;
    }
    timers->erase(timer);
    task();
  });
}

}  // namespace smtpguard::dns
