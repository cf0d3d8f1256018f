// TryoutScreen — what the try-out shows: two columns on a wide terminal, plain lines elsewhere.
// Owns: standard output's look.   Called by: tryout_main.
// Fails: is_gone() when nobody reads any more. Colours only on a terminal, and never with NO_COLOR.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/tools/tryout_clients.hpp"

namespace smtpguard::tryout {

class Screen {
 public:
  Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen();

  void say(std::string_view line = "");
  void warn(std::string_view line);
  // One session: what the client saw beside what the log says.
  void show(const Scenario& scenario, const Transcript& transcript,
            const std::vector<std::string>& log);
  // A line of the log as it comes.
  void live(std::string_view line);
  // Text in a colour of its own, where there are colours.
  std::string strong(std::string_view text) const;
  // Nobody reads standard output any more.
  bool is_gone() const;

 private:
  struct Cell {
    std::string text;
    std::string_view colour;
  };

  std::vector<Cell> client_cells(const Transcript& transcript, std::size_t width) const;
  std::vector<Cell> log_cells(const std::vector<std::string>& log, std::size_t width) const;
  std::string painted(const Cell& cell) const;
  void show_columns(const std::vector<Cell>& left, const std::vector<Cell>& right,
                    std::size_t width);

  bool is_terminal_ = false;
  bool has_colours_ = false;
  std::size_t width_ = 0;  // 0: no terminal, lines are not cut
};

}  // namespace smtpguard::tryout
